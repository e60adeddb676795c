"""CoNLL-U files: ten columns a word, as the Universal Dependencies are published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from weitiao.data.files import encoding
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.values import TEXT
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.data.readers.conll import Line, sentences
from weitiao.errors import DataError
from weitiao.i18n.messages import _

WIDTH = 10
NAMES = {"tokens": 1, "tags": 3, "xpos": 4, "lemmas": 2}  # column -> its place in a line


class Conllu(Reader):
    """Words, their universal part of speech (tags), the language's own (xpos), and lemmas.

    Lines of several words at once (1-2) and of words left out (1.1) are passed over.
    """

    endings: ClassVar[tuple[str, ...]] = ("conllu", "conllx")

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")

    def read(self, path: Path) -> Reading:
        found = encoding.detect(path, self.encoding, "conllu")
        if next(_sentences(path, found), None) is None:
            raise DataError(_("{file}: holds no row with a value.", file=path.name))
        rows = (_row(lines) for lines in _sentences(path, found))
        return Reading(dict.fromkeys(NAMES, TEXT), batched(rows), tuple(found.notes))


def _sentences(path: Path, found: encoding.Encoding) -> Iterator[list[Line]]:
    """Without blocks of comments alone, which begin or end many files."""
    return (s for s in sentences(path, found) if not all(line.startswith("#") for _, line in s))


def _row(lines: list[Line]) -> Numbered | Bad:
    words: list[list[str]] = []
    for number, line in lines:
        if line.startswith("#"):
            continue
        found = line.split("\t")
        if len(found) != WIDTH:
            told = _("line {line} has {count} columns, not {wanted}: {text!r}.", line=number,
                        count=len(found), wanted=WIDTH, text=line[:60])  # fmt: skip
            return Bad(lines[0][0], told, "\n".join(text for _, text in lines)[:1000])
        if found[0].isdigit():
            words.append(found)
    return lines[0][0], {name: [word[at] for word in words] for name, at in NAMES.items()}
