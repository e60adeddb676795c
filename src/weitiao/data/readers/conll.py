"""CoNLL reader (a word and its tags a line, a blank line between sentences) and CoNLL-U reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.data.files import encoding
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.labels.tags.schemes import SHAPE

Line = tuple[int, str]
CONLLU_WIDTH = 10
CONLLU_COLUMNS = {"tokens": 1, "tags": 3, "xpos": 4, "lemmas": 2}  # column -> its field in a line


class Conll(Reader):
    """Words in the first column, tags in the last; a row is a sentence, known by its first line.

    What stands between is called column2, column3, ...; -DOCSTART- lines and comments are left out.
    Where words are numbered, a sentence also begins where the numbers do.
    """

    endings: ClassVar[tuple[str, ...]] = ("conll", "conll03", "iob", "bio", "bmes", "ner")
    version: ClassVar[int] = 4

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    columns: tuple[str, ...] = Field((), description="names of the columns, from the left")

    def read(self, path: Path) -> Reading:
        detected = encoding.detect(path, self.encoding, "conll")
        first = next(_sentences(path, detected), None)
        if first is None:
            raise DataError(_("{file}: holds no row with a value.", file=path.name))
        number, line = first[0]
        tabbed = "\t" in line
        width = len(_fields(line, tabbed))
        if width < 2:
            raise DataError(
                _(
                    "{file}:{line}: each line must hold a word and its tag: {text!r}.",
                    file=path.name,
                    line=number,
                    text=line[:60],
                )
            )
        between = (f"column{place}" for place in range(2, width))
        names = self.columns or ("tokens", *between, "tags")
        if len(names) != width:
            raise DataError(
                _(
                    "{file}:{line}: has {width} columns, but data.reader names {count}.",
                    file=path.name,
                    line=number,
                    width=width,
                    count=len(names),
                )
            )
        rows = (_row(lines, names, tabbed) for lines in _sentences(path, detected))
        return Reading(dict.fromkeys(names, TEXT), batched(rows), tuple(detected.notes))


class Conllu(Reader):
    """Words, their universal part of speech (tags), the language's own (xpos), and lemmas.

    Lines of several words at once (1-2) and of words left out (1.1) are passed over.
    """

    endings: ClassVar[tuple[str, ...]] = ("conllu", "conllx")

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")

    def read(self, path: Path) -> Reading:
        detected = encoding.detect(path, self.encoding, "conllu")
        if next(_conllu_sentences(path, detected), None) is None:
            raise DataError(_("{file}: holds no row with a value.", file=path.name))
        rows = (_conllu_row(lines) for lines in _conllu_sentences(path, detected))
        return Reading(dict.fromkeys(CONLLU_COLUMNS, TEXT), batched(rows), tuple(detected.notes))


def _sentences(path: Path, detected: encoding.Encoding) -> Iterator[list[Line]]:
    """Split a CoNLL file into sentences: their numbered lines, without comments."""
    lines: list[Line] = []
    width = 0  # of the line before
    with detected.open(path) as file:
        for number, text in enumerate(file, 1):
            line = text.strip("\ufeff\r\n")
            if line.strip() and not line.startswith("-DOCSTART-"):
                # Where the sentence's first line has tabs, blanks belong to the words.
                tabbed = bool(lines) and "\t" in lines[0][1]
                if not _is_comment(line, tabbed, width):
                    fields = _fields(line, tabbed)
                    if _starts_again(fields, lines, tabbed):
                        yield lines
                        lines = []
                    lines.append((number, line))
                    width = len(fields)
            elif lines:
                yield lines
                lines = []
    if lines:
        yield lines


def _conllu_sentences(path: Path, detected: encoding.Encoding) -> Iterator[list[Line]]:
    """Sentences of a CoNLL-U file, without blocks of comments alone (at the start or end)."""
    return (
        lines
        for lines in _sentences(path, detected)
        if not all(line.startswith("#") for _, line in lines)
    )


def _fields(line: str, tabbed: bool) -> list[str]:
    # Not split(): a blank that does not break (10 000, U+00A0) stands inside a word.
    return line.rstrip(" \t").split("\t") if tabbed else re.split(r"[ \t]+", line.strip(" \t"))


def _starts_again(fields: list[str], lines: list[Line], tabbed: bool) -> bool:
    """Whether the numbers of the words start again: a sentence without a blank line before it."""
    if len(lines) < 2 or len(fields) < 3 or fields[0] not in ("0", "1"):
        return False
    first, last = (_fields(lines[at][1], tabbed)[0] for at in (0, -1))
    return first == fields[0] and last == str(int(first) + len(lines) - 1)


def _is_comment(line: str, tabbed: bool, width: int) -> bool:
    """Whether a CoNLL line is "# a comment" and not the word "#" with its tag.

    Tweets do hold "#" as a word of its own. It is one where a single tag stands behind it, or as
    many columns as in the line before, of which the last is a tag.
    """
    if not line.startswith("# ") or "\t" in line:
        return False
    fields = line.split()
    # "# # NN": of parts of speech, whose lemma or tag is the sign itself.
    tagged = len(fields) == width and (
        fields[-1] == "O" or SHAPE.fullmatch(fields[-1]) or fields[1] == "#"
    )
    return tabbed or not (len(fields) <= 2 or tagged)


def _row(lines: list[Line], names: tuple[str, ...], tabbed: bool) -> Numbered | Bad:
    rows: list[list[str]] = []
    for number, line in lines:
        fields = _fields(line, tabbed)
        blank = len(fields) == len(names) - 1 and line[:1].isspace()
        if blank and (rows or number < lines[-1][0]):
            continue  # the word is a blank
        if len(fields) != len(names):
            return _wrong_width(lines, number, line, len(fields), len(names))
        rows.append(fields)
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    return lines[0][0], dict(zip(names, columns, strict=True))


def _conllu_row(lines: list[Line]) -> Numbered | Bad:
    words: list[list[str]] = []
    for number, line in lines:
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != CONLLU_WIDTH:
            return _wrong_width(lines, number, line, len(fields), CONLLU_WIDTH)
        # 1-2 is a contraction (French "du") whose words follow, 1.1 a word that is not in the text.
        if fields[0].isdigit():
            words.append(fields)
    cells = {name: [word[at] for word in words] for name, at in CONLLU_COLUMNS.items()}
    return lines[0][0], cells


def _wrong_width(lines: list[Line], number: int, line: str, count: int, wanted: int) -> Bad:
    reason = _(
        "line {line} has {count} columns, not {wanted}: {text!r}.",
        line=number,
        count=count,
        wanted=wanted,
        text=line[:60],
    )
    return Bad(lines[0][0], reason, "\n".join(text for _, text in lines)[:1000])
