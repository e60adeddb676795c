"""Csv files: comma, semicolon, tab, bar or other between fields; also .txt files, by looking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from weitiao.data.files import delimited, dialect
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.csv_writer import unguarded
from weitiao.data.files.delimited import FIRST
from weitiao.data.files.values import TEXT
from weitiao.data.readers.base import Numbered, Reader, Reading, batched

NULL = r"\N"  # what MySQL writes where there is no value
ANSWERS = {"prediction", "score"}  # columns of tables that weitiao wrote


class Csv(Reader):
    """Rows of fields, one a line. Encoding, delimiter, quotes and header are found by looking.

    All values stay texts.
    """

    endings: ClassVar[tuple[str, ...]] = ("csv", "txt")
    version: ClassVar[int] = 4
    usual: ClassVar[str] = ","

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    delimiter: str | None = Field(
        None,
        description="what stands between fields; two blanks: any number of them; first "
        "blank: a label before the text",
    )
    header: bool | None = Field(None, description="whether the first line names the columns")
    quotes: Literal["doubled", "escaped", "literal", "mysql"] | None = Field(
        None, description='quotation marks in quotes: "" or \\"; literal: they are just text'
    )

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        named = {
            FIRST: FIRST,
            "tab": "\t",
            "\\t": "\t",
            "comma": ",",
            "semicolon": ";",
            "^A": "\x01",
        }
        found = named.get(value or "", value)
        known = found is None or found in (delimited.BLANKS, FIRST) or len(found) == 1
        if not known or found in ("\n", "\r", '"'):
            raise ValueError("must be one character, two blanks, tab, or first blank")
        return found

    def read(self, path: Path) -> Reading:
        wanted = dialect.Wanted(self.encoding, self.delimiter, self.header, self.quotes)
        layout = dialect.look(path, self.usual, wanted)
        return Reading(
            dict.fromkeys(layout.columns, TEXT), batched(_rows(path, layout)), tuple(layout.notes)
        )


def _rows(path: Path, layout: dialect.Layout) -> Iterator[Numbered | Bad]:
    columns = layout.columns
    ours = set(columns) >= ANSWERS
    for one in delimited.records(path, layout.dialect, len(columns)):
        if isinstance(one, Bad):
            if one.line != layout.header_line:
                yield one
            continue
        line, fields = one
        if line == layout.header_line:
            continue
        if ours:
            fields = [unguarded(cell) for cell in fields]
        cells = [None if cell == NULL else cell for cell in fields]
        yield line, dict(zip(columns, cells, strict=True))
