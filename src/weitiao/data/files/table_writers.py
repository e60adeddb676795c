"""Writers of tables by format: csv, tsv, JSON lines, JSON, Excel, Parquet; row by row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from weitiao.core import disk
from weitiao.data.files.cells import as_text
from weitiao.data.files.csv_writer import Add, sheet
from weitiao.errors import DataError
from weitiao.i18n.messages import _

# Format -> endings of its files, the usual one first.
FORMATS = {
    "csv": ("csv",),
    "tsv": ("tsv", "tab"),
    "jsonl": ("jsonl", "ndjson"),
    "json": ("json",),
    "xlsx": ("xlsx",),
    "parquet": ("parquet", "pq"),
}
BINARY = ("xlsx", "parquet")  # not for standard output
NESTED = ("jsonl", "json", "parquet")  # a cell may be a list or an object
BATCH_ROWS = 5_000
MAX_ROWS, MAX_CHARACTERS = 1_048_575, 32_767  # of an Excel sheet, below its header; of a cell
# What XML cannot hold is written _xHHHH_ (ECMA-376, ST_Xstring); so a text like that is, too.
_NO_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")

Target = Path | IO[str]


def format_of(path: Path) -> str:
    """The format that a file's ending says. Raises DataError."""
    ending = path.suffix.lower().removeprefix(".")
    for name, endings in FORMATS.items():
        if ending in endings:
            return name
    message = _(
        "{file}: answers are written as {endings}; give such an ending.",
        file=path,
        endings=", ".join(f".{one}" for endings in FORMATS.values() for one in endings[:1]),
    )
    raise DataError(message)


@contextmanager
def writing(target: Target, form: str, schema: Mapping[str, Any]) -> Iterator[Add]:
    """Write a table row by row: with writing(path, "csv", {"a": TEXT}) as add: add(["x"]).

    target: a file, or an open text stream. schema: column -> Arrow type.
    """
    names = list(schema)
    if form in ("csv", "tsv"):
        delimiter = "\t" if form == "tsv" else ","
        with sheet(target, names, delimiter) as add:
            yield add
    elif form in ("jsonl", "json"):
        opened = (
            target.open("w", encoding="utf-8") if isinstance(target, Path) else nullcontext(target)
        )
        with opened as file:
            yield from _json(file, names, whole=form == "json")
    elif not isinstance(target, Path):
        message = _("{form} is no text: give a file for it, e.g. -o answers.{form}", form=form)
        raise DataError(message)
    elif form == "xlsx":
        yield from _xlsx(target, names)
    else:
        yield from _parquet(target, schema)


def _json(file: IO[str], names: Sequence[str], *, whole: bool) -> Iterator[Add]:
    count = 0

    def add(cells: Sequence[Any]) -> None:
        nonlocal count
        line = json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False, default=str)
        if whole:
            file.write(("[\n" if not count else ",\n") + line)
        else:
            file.write(line + "\n")
        count += 1

    yield add
    if whole:
        file.write("\n]\n" if count else "[]\n")


def _xlsx(path: Path, names: Sequence[str]) -> Iterator[Add]:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)  # rows go to a temporary file: memory is bounded
    page = book.create_sheet("predictions")
    page.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if isinstance(value, (list, dict)):
            value = as_text(value)
        if not isinstance(value, str):
            return value
        # A text that begins with "=" is a text, and no formula.
        one = WriteOnlyCell(page, excel_text(value))
        one.data_type = "s"
        return one

    page.append([cell(name) for name in names])
    try:
        yield lambda cells: page.append([cell(value) for value in cells])
        book.save(path)
    finally:
        if not page.closed:
            page.close()


def excel_text(text: str) -> str:
    """A text as a cell of a workbook holds it: what XML cannot hold is escaped."""
    return _NO_XML.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


def check_fits(form: str, file: Path, table: Any) -> None:
    """Raises DataError where a table does not fit into a sheet of Excel: before it is predicted."""
    if form != "xlsx":
        return
    remedy = _("Write .csv, .jsonl or .parquet.")
    if table.num_rows > MAX_ROWS:
        raise DataError(
            _(
                "{file}: {rows:,} rows do not fit into a sheet of Excel, which has {most:,}. "
                "{remedy}",
                file=file,
                rows=table.num_rows,
                most=MAX_ROWS,
                remedy=remedy,
            )
        )
    for name in table.column_names:
        column = table.column(name)
        if not pa.types.is_large_string(column.type):
            continue
        longest = pc.max(pc.utf8_length(column)).as_py() or 0
        if longest > MAX_CHARACTERS:
            raise DataError(
                _(
                    "{file}: column {column!r} has a text of {length:,} characters; a cell of "
                    "Excel holds {most:,}. {remedy}",
                    file=file,
                    column=name,
                    length=longest,
                    most=MAX_CHARACTERS,
                    remedy=remedy,
                )
            )


def _parquet(path: Path, schema: Mapping[str, Any]) -> Iterator[Add]:
    import pyarrow.parquet as pq

    fields = pa.schema(list(schema.items()))
    waiting: list[Sequence[Any]] = []
    with pq.ParquetWriter(disk.plain(path), fields) as writer:

        def write() -> None:
            columns = list(zip(*waiting, strict=True)) if waiting else [()] * len(fields)
            arrays = [
                pa.array(values, kind) for values, kind in zip(columns, fields.types, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=fields))
            waiting.clear()

        def add(cells: Sequence[Any]) -> None:
            waiting.append(list(cells))
            if len(waiting) >= BATCH_ROWS:
                write()

        yield add
        if waiting:
            write()
