"""Files of one word and its tags a line, with an empty line between sentences: CoNLL, BMES."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.data.files import encoding
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.values import TEXT
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.labels.tags.schemes import SHAPE

Line = tuple[int, str]


class Conll(Reader):
    """Words in the first column, tags in the last; a row is a sentence, known by its first line.

    What stands between is called column2, column3, ...; -DOCSTART- lines and comments are left out.
    """

    endings: ClassVar[tuple[str, ...]] = ("conll", "conll03", "iob", "bio", "bmes", "ner")
    version: ClassVar[int] = 2

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    columns: tuple[str, ...] = Field((), description="names of the columns, from the left")

    def read(self, path: Path) -> Reading:
        found = encoding.detect(path, self.encoding, "conll")
        first = next((words for words in sentences(path, found)), None)
        if first is None:
            raise DataError(_("{file}: holds no row with a value.", file=path.name))
        tabbed = "\t" in first[0][1]
        width = len(fields(first[0][1], tabbed))
        if width < 2:
            raise DataError(
                _("{file}:{line}: each line must hold a word and its tag: {text!r}.",
                     file=path.name, line=first[0][0], text=first[0][1][:60])
            )  # fmt: skip
        names = self.columns or _names(width)
        if len(names) != width:
            raise DataError(
                _("{file}:{line}: has {width} columns, but data.reader names {count}.",
                     file=path.name, line=first[0][0], width=width, count=len(names))
            )  # fmt: skip
        rows = (_row(words, names, tabbed) for words in sentences(path, found))
        return Reading(dict.fromkeys(names, TEXT), batched(rows), tuple(found.notes))


def sentences(path: Path, found: encoding.Encoding) -> Iterator[list[Line]]:
    """The numbered lines of each sentence that has any."""
    lines: list[Line] = []
    width = 0  # of the line before
    with found.open(path) as file:
        for number, text in enumerate(file, 1):
            line = text.strip("\ufeff\r\n")
            if line.strip() and not line.startswith("-DOCSTART-"):
                tabbed = bool(lines) and "\t" in lines[0][1]
                if not _comment(line, tabbed, width):
                    lines.append((number, line))
                    width = len(fields(line, tabbed))
            elif lines:
                yield lines
                lines = []
    if lines:
        yield lines


def fields(line: str, tabbed: bool) -> list[str]:
    """The cells of a line."""
    return line.rstrip().split("\t") if tabbed else line.split()


def _comment(line: str, tabbed: bool, width: int) -> bool:
    """A comment begins with # and a blank; a word that is # has a tag behind it, alone or in as
    many columns as the line before."""
    if not line.startswith("# ") or "\t" in line:
        return False
    cells = line.split()
    tagged = len(cells) == width and (cells[-1] == "O" or SHAPE.fullmatch(cells[-1]))
    return tabbed or not (len(cells) <= 2 or tagged)


def _names(width: int) -> tuple[str, ...]:
    return ("tokens", *(f"column{at}" for at in range(2, width)), "tags")


def _row(lines: list[Line], names: tuple[str, ...], tabbed: bool) -> Numbered | Bad:
    cells: list[list[str]] = []
    for number, line in lines:
        found = fields(line, tabbed)
        blank = len(found) == len(names) - 1 and line[:1].isspace()
        if blank and (cells or number < lines[-1][0]):
            continue  # the word is a blank
        if len(found) != len(names):
            told = _("line {line} has {count} columns, not {wanted}: {text!r}.", line=number,
                        count=len(found), wanted=len(names), text=line[:60])  # fmt: skip
            return Bad(lines[0][0], told, "\n".join(text for _, text in lines)[:1000])
        cells.append(found)
    columns: list[Any] = [list(column) for column in zip(*cells, strict=True)]
    return lines[0][0], dict(zip(names, columns, strict=True))
