"""CSV and TSV readers, also for .txt files that turn out to be delimited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from weitiao.data.files import delimited, dialect
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT
from weitiao.data.files.csv_writer import unguarded
from weitiao.data.files.delimited import FIRST
from weitiao.data.files.totals import is_footer
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.i18n.messages import _, plural

MYSQL_NULL = r"\N"
_RULER = re.compile(r"[:+|]?[-=+]{3,}[:+|]?")
PREDICTION_COLUMNS = {"prediction", "score"}  # of tables that weitiao wrote, see csv_writer.py


class Csv(Reader):
    """Rows of fields, one a line. Encoding, delimiter, quotes and header are found by looking.

    All values stay texts.
    """

    endings: ClassVar[tuple[str, ...]] = ("csv", "txt")
    version: ClassVar[int] = 8
    usual_delimiter: ClassVar[str] = ","

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
    blank_rows: bool = Field(False, description="whether empty lines between rows are rows")

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
        delimiter = named.get(value or "", value)
        if delimiter is None or delimiter in (delimited.BLANKS, FIRST):
            return delimiter
        if not 1 <= len(delimiter) <= 10 or delimiter in ("\n", "\r", '"'):
            raise ValueError("must be 1 to 10 characters, two blanks, tab, or first blank")
        return delimiter

    def read(self, path: Path) -> Reading:
        settings = dialect.Settings(self.encoding, self.delimiter, self.header, self.quotes)
        layout = dialect.detect(path, self.usual_delimiter, settings)
        return Reading(
            dict.fromkeys(layout.columns, TEXT),
            batched(_rows(path, layout, self.blank_rows)),
            (*layout.notes, *_no_row_notes(path, layout)),
        )


def _rows(path: Path, layout: dialect.Layout, blank_rows: bool) -> Iterator[Numbered | Bad]:
    columns = layout.columns
    # In other people's files an apostrophe before "=" is a part of the text.
    ours = set(columns) >= PREDICTION_COLUMNS
    for one in delimited.records(path, layout.dialect, len(columns), blank_rows):
        if isinstance(one, Bad):
            if one.line != layout.header_line and not _divides(one.raw):
                yield one
            continue
        line, fields = one
        if line == layout.header_line or _is_no_row(fields, layout):
            continue
        if ours:
            fields = [unguarded(cell) for cell in fields]
        cells = [None if cell == MYSQL_NULL else cell for cell in fields]
        yield line, dict(zip(columns, cells, strict=True))


def _divides(line: str) -> bool:
    """Whether a line only divides a table, or says below it how many rows it has."""
    return dialect.is_ruler(line) or is_footer(line)


def _is_no_row(fields: Sequence[str], layout: dialect.Layout) -> bool:
    """Whether a record is the header again, as in files put together, or a ruler."""
    cells = [field.strip() for field in fields]
    if layout.header_line and len(cells) > 1 and cells == layout.columns:
        return True
    filled = [cell for cell in cells if cell]
    return len(cells) > 1 and bool(filled) and all(map(_RULER.fullmatch, filled))


def _no_row_notes(path: Path, layout: dialect.Layout) -> Iterator[str]:
    # Notes come before the rows. Only lines that may be a header or a ruler are looked at: parsing
    # the whole file a second time would double the time.
    start, count = layout.columns[0], 0
    detected = layout.dialect.encoding
    with detected.open(path) as file:
        if not any(
            number != layout.header_line and (start in line[: len(start) + 4] or _divides(line))
            for number, line in enumerate(file, 1)
        ):
            return
    for one in delimited.records(path, layout.dialect, len(layout.columns)):
        if isinstance(one, Bad):
            count += _divides(one.raw)
        elif one[0] != layout.header_line:
            count += _is_no_row(one[1], layout)
    if count:
        yield _(
            "left out, repeated headers, rulers and counts of rows: {lines}",
            lines=plural(count, "line"),
        )


class Tsv(Csv):
    """Rows of fields with a tab between them; else like csv. All values stay texts."""

    endings: ClassVar[tuple[str, ...]] = ("tsv", "tab")
    usual_delimiter: ClassVar[str] = "\t"
