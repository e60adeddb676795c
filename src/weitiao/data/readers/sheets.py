"""Spreadsheet readers: workbooks (xlsx, xlsm, xlsb, xls, ods), HTML tables, Excel's XML of 2003.

Workbooks are read in a process of its own, see files/workbook.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import IO, Any, ClassVar

from pydantic import Field

from weitiao.core import disk
from weitiao.data.cache import store
from weitiao.data.files import encoding, header
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import as_text, kinds_of
from weitiao.data.files.workbook import NO_SHEET, PASSWORD
from weitiao.data.readers.base import Batches, Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list

TIMEOUT_SECONDS = 900  # a workbook that takes longer is no table of rows
MAX_MERGED_CELLS = 2_000_000  # cells to which merged ones may be spread
SAMPLE_ROWS = 400  # from which the beginning of the table is found
HTML_CHUNK = 1 << 16  # characters
MAX_STYLES = 1 << 22  # bytes of the formats that are looked at
MAX_COLUMNS = 16_384  # as in a spreadsheet
_ROW, _CELL = {"tr", "row", "ss:row"}, {"td", "th", "cell", "ss:cell"}
_TABLE = {"table", "ss:table"}
_NO_TEXT = {"style", "script", "head", "title"}

Row = tuple[int, Sequence[Any]]  # number of the row, its cells; None is an empty one
Rows = Callable[[], Iterator[Row]]  # each call gives all rows from the first on


class NoRows(DataError):
    """A sheet or page without a row that could be a table."""


class Xlsx(Reader):
    """The rows of one sheet: the one with the most rows, unless it is named.

    Titles above the table are left out, merged cells spread, empty rows and columns dropped.
    """

    version: ClassVar[int] = 2
    endings: ClassVar[tuple[str, ...]] = ("xlsx", "xlsm", "xlsb", "xls", "ods", "et")

    sheet: str | int | None = Field(None, description="name of the sheet, or its number from 1")
    header_row: int | None = Field(None, ge=1, description="row with the names of the columns")
    header: bool | None = Field(None, description="whether the first row names the columns")
    blank_rows: bool = Field(False, description="whether empty lines between rows are rows")

    def read(self, path: Path) -> Reading:
        # A file without a name: the system deletes it when it is closed, however we end.
        folder = store.folder("unpacked")
        lines = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115
        try:
            return self._reading(path, lines)
        except BaseException:
            lines.close()
            raise

    def _reading(self, path: Path, lines: IO[str]) -> Reading:
        _convert(path, "" if self.sheet is None else str(self.sheet), lines)
        lines.seek(0)
        about = json.loads(lines.readline())
        notes = [*self._notes(about), *_padded_notes(path)]
        origins = _merged_origins(about["merged"], path.name)

        def rows() -> Iterator[Row]:
            lines.seek(0)
            lines.readline()
            yield from _with_merged(map(json.loads, lines), origins)

        reading = table_reading(
            rows, path.name, "xlsx", self.header_row, self.header, notes, self.blank_rows
        )
        return replace(reading, batches=_then_close(reading.batches, lines))

    def _notes(self, about: Mapping[str, Any]) -> list[str]:
        if self.sheet is not None or len(about["sheets"]) + about["hidden"] < 2:
            return []
        others = [name for name in about["sheets"] if name != about["taken"]]
        return [
            _(
                "sheet {sheet!r} is read, it has the most rows; other sheets: {others} "
                "(--sheet NAME)",
                sheet=about["taken"],
                others=name_list(others[:5]) or _("hidden ones"),
            )
        ]


def _padded_notes(path: Path) -> Iterator[str]:
    """That numbers are shown with zeros in front of them (001), by a format; they are read as 1."""
    with suppress(zipfile.BadZipFile, KeyError, OSError), zipfile.ZipFile(path) as book:
        part = book.getinfo("xl/styles.xml")
        styles = book.read(part).decode("utf-8", "replace") if part.file_size < MAX_STYLES else ""
        formats = dict.fromkeys(re.findall(r"""formatCode=["'](0{2,})["']""", styles))
        if formats:
            yield _(
                "a number format shows zeros in front ({formats}), which are not in the cells: "
                "they are read as 1, not {shown}; for codes, make the column text and write them",
                formats=name_list(formats, 3),
                shown=f"{1:0{len(next(iter(formats)))}}",
            )


def _then_close(batches: Batches, file: IO[str]) -> Batches:
    with file:
        yield from batches


def sheet_names(path: Path) -> list[str]:
    """The names of all sheets of a workbook, also hidden ones. Raises DataError."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", dir=store.folder("unpacked")) as lines:
        _convert(path, "", lines, "names")
        lines.seek(0)
        return list(json.loads(lines.readline())["sheets"])


def _convert(path: Path, sheet: str, lines: IO[str], *more: str) -> None:
    """Convert a workbook to JSON lines in a subprocess, which may crash. Raises DataError."""
    # -P: without it, a file of the user's such as json.py in the working directory would be
    # imported in the place of the standard library's.
    module = "weitiao.data.files.workbook"
    command = [sys.executable, "-P", "-m", module, disk.plain(path), sheet, *more]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        code = done.returncode
    except subprocess.TimeoutExpired:
        code = -1
    if code == 0:
        return
    if code == PASSWORD or _is_locked(path):
        raise DataError(
            _("{file}: the workbook has a password: save it without one.", file=path.name)
        )
    if code == NO_SHEET:
        lines.seek(0)
        names = ", ".join(json.loads(lines.readline())["sheets"])
        raise DataError(
            _(
                "{file}: no sheet {sheet!r}; there are {sheets}.",
                file=path.name,
                sheet=sheet,
                sheets=names,
            )
        )
    if reason := _last_reason(lines):
        raise DataError(
            _(
                "{file}: a cell cannot be read: {reason}. Correct it in a spreadsheet program, or "
                "save the sheet as csv.",
                file=path.name,
                reason=reason,
            )
        )
    raise DataError(
        _(
            "{file}: this workbook is broken, or a cell stands so far off that it cannot be "
            "read. Open it in a spreadsheet program and save it again, or as csv.",
            file=path.name,
        )
    )


def _last_reason(lines: IO[str]) -> str:
    """What the subprocess said of the cell that it could not read; "" where it said nothing."""
    lines.seek(0)
    last = ""
    for line in lines:
        last = line
    try:
        said = json.loads(last)
    except ValueError:
        return ""
    return str(said.get("broken", "")) if isinstance(said, dict) else ""


def _is_locked(path: Path) -> bool:
    """Whether a workbook is encrypted: an OLE file with this stream (MS-OFFCRYPTO), no zip."""
    with path.open("rb") as file:
        return "EncryptedPackage".encode("utf-16-le") in file.read(1 << 20)


def _merged_origins(merged: Sequence[Any], name: str) -> dict[int, dict[int, tuple[int, int]]]:
    """Merged cells: row -> column -> the top left cell, whose value counts (all from 0)."""
    origins: dict[int, dict[int, tuple[int, int]]] = {}
    count = 0
    for (top, left), (bottom, right) in merged:
        count += (bottom - top + 1) * (right - left + 1)
        if count > MAX_MERGED_CELLS:
            raise DataError(_("{file}: too many merged cells.", file=name))
        for row in range(top, bottom + 1):
            origins.setdefault(row, {}).update(dict.fromkeys(range(left, right + 1), (top, left)))
    return origins


def _with_merged(
    rows: Iterator[Row], origins: Mapping[int, Mapping[int, tuple[int, int]]]
) -> Iterator[Row]:
    """Fill merged cells downwards: their value stands in every row they reach.

    Across, it stays where it is: a title over the whole width is no row full of titles.
    """
    values: dict[tuple[int, int], Any] = {}
    for number, cells in rows:
        taken = list(cells)
        for place, origin in origins.get(number - 1, {}).items():
            if origin == (number - 1, place):
                values[origin] = taken[place] if place < len(taken) else None
            elif place == origin[1] and place < len(taken) and taken[place] is None:
                taken[place] = values.get(origin)
        yield number, taken


def table_reading(
    rows: Rows,
    file: str,
    reader: str,
    header_row: int | None,
    has_header: bool | None,
    notes: Sequence[str],
    blank_rows: bool = False,
) -> Reading:
    """Detect the table in a sheet: header, columns and rows; with `blank_rows` also empty ones
    between others. Raises DataError when there is no table.
    """
    first = list(islice(rows(), SAMPLE_ROWS))
    begin = _first_row(first, header_row, file)
    sample = [row for row in first if row[0] >= begin]
    width = max(len(cells) for _, cells in sample)
    used = _used(rows, begin, width)
    texts = [_texts(cells, used) for _, cells in sample]
    names = header.look(texts, begin, file, True if header_row else has_header, reader)
    above = [(number, cells) for number, cells in first if number < begin]
    notes = (*notes, *_header_notes(above, begin, names))
    places = used[: len(names.columns)]

    def numbered() -> Iterator[Numbered | Bad]:
        last = begin if names.in_file else begin - 1
        for number, cells in rows():
            if number > begin or (number == begin and not names.in_file):
                taken = [cells[place] if place < len(cells) else None for place in places]
                if any(cell is not None for cell in taken):
                    if blank_rows or len(places) == 1:  # of one column: an empty text
                        gaps = range(last + 1, number)
                        yield from ((gap, dict.fromkeys(names.columns)) for gap in gaps)
                    last = number
                    yield number, dict(zip(names.columns, taken, strict=True))

    columns = kinds_of(row[1] for row in numbered() if not isinstance(row, Bad))
    if not columns:
        raise DataError(_("{file}: holds a header and no row.", file=file))
    columns = {name: columns[name] for name in names.columns}
    return Reading(columns, batched(numbered()), notes, tuple(above))


def _first_row(rows: Sequence[Row], header_row: int | None, file: str) -> int:
    """The row where the table begins: titles above it fill fewer columns. Raises DataError."""
    if not rows:
        raise NoRows(_("{file}: holds no row.", file=file))
    if header_row is not None:
        if not any(number == header_row for number, _ in rows):
            raise DataError(
                _(
                    "{file}: row {row} is empty: header_row must name the row with the columns' "
                    "names.",
                    file=file,
                    row=header_row,
                )
            )
        return header_row
    filled = [(number, _filled(cells)) for number, cells in rows]
    # A header may lack a name or two (0.7), a title line has one cell or a few.
    usual = Counter(count for _, count in filled[:100]).most_common(1)[0][0]
    wanted = max(1, min(usual, max(count for _, count in filled)) * 0.7)
    at = next(at for at, (_number, count) in enumerate(filled) if count >= wanted)
    if at and _lacks_left_names(rows[at - 1][1], rows[at][1]):
        at -= 1
    return filled[at][0]


def _lacks_left_names(above: Sequence[Any], row: Sequence[Any]) -> bool:
    """Whether the row above the first full one is its header without the names on the left, as
    pandas writes an index; titles stand on the left."""
    places = [at for at, cell in enumerate(above) if cell is not None and str(cell).strip()]
    width = max((at for at, cell in enumerate(row) if cell is not None), default=-1) + 1
    texts = all(isinstance(above[at], str) for at in places)
    return bool(places) and texts and places[0] > 0 and places == list(range(places[0], width))


def _filled(cells: Sequence[Any]) -> int:
    return sum(cell is not None and str(cell).strip() != "" for cell in cells)


def _used(rows: Rows, begin: int, width: int) -> list[int]:
    """Indices of the columns with any value, from the beginning of the table on."""
    used: set[int] = set()
    for number, cells in rows():
        if number >= begin and len(used) < width:
            used |= {place for place, cell in enumerate(cells) if cell is not None}
    return sorted(used)


def _texts(cells: Sequence[Any], used: Sequence[int]) -> list[str]:
    taken = [cells[place] if place < len(cells) else None for place in used]
    return ["" if cell is None else as_text(cell) for cell in taken]


def _header_notes(above: Sequence[Row], begin: int, names: header.Names) -> list[str]:
    if not above:
        return names.notes
    title = next((str(c) for _, cells in above for c in cells if c is not None), "")
    above_left_out = _(
        "the table begins in row {row}; what stands above it ({title}) is left out",
        row=begin,
        title=title[:40],
    )
    return [above_left_out, *names.notes]


class Html(Reader):
    """The largest table of a page. Cells are texts; rows are counted from 1."""

    version: ClassVar[int] = 2
    endings: ClassVar[tuple[str, ...]] = ("html", "htm", "mht")

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    header_row: int | None = Field(None, ge=1, description="row with the names of the columns")
    header: bool | None = Field(None, description="whether the first row names the columns")

    def read(self, path: Path) -> Reading:
        detected = encoding.detect(path, self.encoding, "html")
        parser = _Tables()
        with detected.open(path) as file:
            while chunk := file.read(HTML_CHUNK):
                parser.feed(chunk if detected.clean else encoding.readable(chunk))
        parser.close()
        table = max(parser.tables, key=len, default=[])
        if not table:
            raise DataError(_("{file}: holds no table.", file=path.name))

        def rows() -> Iterator[Row]:
            return iter(table)

        return table_reading(rows, path.name, "html", self.header_row, self.header, detected.notes)


class _Tables(HTMLParser):
    """HTML parser of tables as rows of cells; a nested table is a table of its own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[Row]] = []
        self._open: list[list[Row]] = []
        self._cells: list[str | None] | None = None
        self._text: list[str] | None = None
        self._across = 1
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in _TABLE:
            self._end_row()
            self._open.append([])
            self.tables.append(self._open[-1])
        elif tag in _ROW:
            self._end_row()
            self._cells = []
        elif tag in _CELL and self._cells is not None:
            self._end_cell()
            # Excel's XML leaves out empty cells and numbers the next one (ss:Index, from 1). Both
            # spans are capped: colspan="99999" in every cell must not fill the memory.
            skipped = _number(attributes.get("ss:index")) - 1 - len(self._cells)
            self._cells += [None] * min(max(skipped, 0), MAX_COLUMNS)
            across = max(
                _number(attributes.get("colspan")), _number(attributes.get("ss:mergeacross")) + 1
            )
            self._across = min(max(across, 1), MAX_COLUMNS)
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
            if len(self._cells) > MAX_COLUMNS:
                del self._cells[MAX_COLUMNS:]
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
