"""Aligned text files: train.en and train.de, whose lines are translations of each other.

"train.{en,de}"  or  ["train.en", "train.de"]   ->   one table with the columns en and de

Lines end in line feeds alone, as `wc -l` counts them: a carriage return inside a text is no end.
Files may be packed (train.en.gz), and called train.en.txt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from weitiao.core import fingerprint
from weitiao.data.files import encoding, find
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT
from weitiao.data.files.table import Piece, cached_piece
from weitiao.data.readers.base import Numbered, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.labels.texts.languages import language_of

VERSION = 2
PACKED = {".gz", ".bz2", ".xz"}


def pair_in(files: Sequence[Path]) -> tuple[Path, Path] | None:
    """The two files, where they have one name and end in two languages.

    >>> pair_in([Path("a/train.en"), Path("a/train.de")]) is not None
    True
    >>> pair_in([Path("a.csv"), Path("b.csv")]) is None
    True
    """
    if len(files) != 2:
        return None
    (one, first), (other, second) = (_apart(file) for file in files)
    languages = {language_of(first), language_of(second)} - {""}
    return (files[0], files[1]) if one == other and len(languages) == 2 else None


def _apart(file: Path) -> tuple[str, str]:
    """A name without its language, and the language it ends in."""
    plain = file.with_suffix("") if file.suffix in PACKED else file
    plain = plain.with_suffix("") if plain.suffix == ".txt" else plain
    return str(plain.with_suffix("")), plain.suffix.removeprefix(".")


def open_pair(pair: tuple[Path, Path], name: str, skip_bad: bool) -> Piece:
    """The lines of both files as one table. Raises DataError where they differ in number."""
    columns = [_apart(file)[1] for file in pair]
    contents = [find.content_of(file) for file in pair]
    key = f"aligned {VERSION} {columns}"

    def read() -> Reading:
        kinds = dict.fromkeys(columns, TEXT)
        return Reading(kinds, batched(_rows(pair, columns)))

    return cached_piece(name, fingerprint.of_texts(*contents), key, read, skip_bad)


def _rows(pair: tuple[Path, Path], columns: Sequence[str]) -> Iterator[Numbered | Bad]:
    for number, lines in enumerate(zip_longest(*(_lines(file) for file in pair)), 1):
        if None in lines:
            longer, shorter = (0, 1) if lines[1] is None else (1, 0)
            raise DataError(
                _(
                    "{longer} has more lines than {shorter} ({count:,}): they are not aligned, and "
                    "every pair behind the first gap would be wrong.",
                    longer=pair[longer].name,
                    shorter=pair[shorter].name,
                    count=number - 1,
                )
            )
        yield number, dict(zip(columns, lines, strict=True))


def _lines(file: Path) -> Iterator[str]:
    """The lines of a file, empty ones too: they keep the others in step."""
    if file.suffix in PACKED:
        yield from _unpacked(file)
        return
    with encoding.detect(file, None, "lines").open(file, newline="\n") as lines:
        for line in lines:
            yield line.rstrip("\r\n")


def _unpacked(file: Path) -> Iterator[str]:
    import bz2
    import gzip
    import lzma
    import zlib

    opened: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[file.suffix]
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError, zlib.error) as error:
        raise DataError(
            _("{file}: this file cannot be read ({error}).", file=file.name, error=error)
        ) from None
