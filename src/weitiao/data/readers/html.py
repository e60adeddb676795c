"""Html tables: what many systems export and call .xls; also Excel's XML of 2003."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.data.files import encoding, sheet_table
from weitiao.data.readers.base import Reader, Reading
from weitiao.errors import DataError
from weitiao.i18n.messages import _

CHUNK = 1 << 16
WIDEST = 16_384  # columns, as in a spreadsheet
_ROW, _CELL = {"tr", "row", "ss:row"}, {"td", "th", "cell", "ss:cell"}
_TABLE = {"table", "ss:table"}
_NO_TEXT = {"style", "script", "head", "title"}


class Html(Reader):
    """The largest table of a page. Cells are texts; rows are counted from 1."""

    endings: ClassVar[tuple[str, ...]] = ("html", "htm", "mht")

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    header_row: int | None = Field(None, ge=1, description="row with the names of the columns")
    header: bool | None = Field(None, description="whether the first row names the columns")

    def read(self, path: Path) -> Reading:
        found = encoding.detect(path, self.encoding, "html")
        parser = _Tables()
        with found.open(path) as file:
            while chunk := file.read(CHUNK):
                parser.feed(encoding.readable(chunk) if not found.clean else chunk)
        parser.close()
        table = max(parser.tables, key=len, default=[])
        if not table:
            raise DataError(_("{file}: holds no table.", file=path.name))

        def rows() -> Iterator[sheet_table.Row]:
            return iter(table)

        return sheet_table.reading(
            rows, path.name, "html", self.header_row, self.header, found.notes
        )


class _Tables(HTMLParser):
    """Every table of the page as rows of cells; a table inside a cell is a table of its own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[sheet_table.Row]] = []
        self._open: list[list[sheet_table.Row]] = []
        self._cells: list[str | None] | None = None
        self._text: list[str] | None = None
        self._across = 1
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _TABLE:
            self._end_row()
            self._open.append([])
            self.tables.append(self._open[-1])
        elif tag in _ROW:
            self._end_row()
            self._cells = []
        elif tag in _CELL and self._cells is not None:
            self._end_cell()
            skipped = _number(given.get("ss:index")) - 1 - len(self._cells)
            self._cells += [None] * min(max(skipped, 0), WIDEST)
            across = max(_number(given.get("colspan")), _number(given.get("ss:mergeacross")) + 1)
            self._across = min(max(across, 1), WIDEST)
            self._text = []
        elif tag == "br" and self._text is not None:
            self._text.append("\n")
        elif tag in _NO_TEXT:
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _CELL:
            self._end_cell()
        elif tag in _ROW:
            self._end_row()
        elif tag in _TABLE:
            self._end_row()
            if self._open:
                self._open.pop()
        elif tag in _NO_TEXT:
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if self._text is not None and not self._silent:
            self._text.append(data)

    def close(self) -> None:
        super().close()
        self._end_row()

    def _end_cell(self) -> None:
        if self._text is not None and self._cells is not None:
            text = "".join(self._text).replace("\xa0", " ").strip()
            self._cells += [text or None, *[None] * (self._across - 1)]
            if len(self._cells) > WIDEST:
                del self._cells[WIDEST:]
        self._text = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._cells is not None and self._open:
            table = self._open[-1]
            number = table[-1][0] + 1 if table else 1
            row: tuple[int, list[Any]] = (number, self._cells)
            if any(cell is not None for cell in self._cells):
                table.append(row)
        self._cells = None


def _number(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else 0
