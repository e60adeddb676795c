"""Workbooks: xlsx, xlsm, xlsb, xls, ods. Read in a process of its own, see workbook.py."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

from pydantic import Field

from weitiao.core import disk
from weitiao.data.cache import store
from weitiao.data.files import sheet_table
from weitiao.data.files.workbook import NO_SHEET, PASSWORD
from weitiao.data.readers.base import Batches, Reader, Reading
from weitiao.errors import DataError
from weitiao.i18n.messages import _

SECONDS = 900  # a workbook that takes longer is no table of rows
MERGED_CELLS = 2_000_000  # cells to which a merged one may be spread


class Xlsx(Reader):
    """The rows of one sheet: the one with the most rows, unless it is named.

    Titles above the table are left out, merged cells spread, empty rows and columns dropped.
    """

    endings: ClassVar[tuple[str, ...]] = ("xlsx", "xlsm", "xlsb", "xls", "ods", "et")

    sheet: str | int | None = Field(None, description="name of the sheet, or its number from 1")
    header_row: int | None = Field(None, ge=1, description="row with the names of the columns")
    header: bool | None = Field(None, description="whether the first row names the columns")

    def read(self, path: Path) -> Reading:
        # A file without a name: it is gone when nobody reads it any more.
        folder = store.folder("unpacked")
        kept = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115
        try:
            return self._reading(path, kept)
        except BaseException:
            kept.close()
            raise

    def _reading(self, path: Path, kept: IO[str]) -> Reading:
        _run(path, "" if self.sheet is None else str(self.sheet), kept)
        kept.seek(0)
        about = json.loads(kept.readline())
        spread = _spread(about["merged"], path.name)

        def rows() -> Iterator[sheet_table.Row]:
            kept.seek(0)
            kept.readline()
            yield from _with_merged(map(json.loads, kept), spread)

        told = self._told(about)
        found = sheet_table.reading(rows, path.name, "xlsx", self.header_row, self.header, told)
        return Reading(found.columns, _then_closed(found.batches, kept), found.notes)

    def _told(self, about: Mapping[str, Any]) -> list[str]:
        if self.sheet is not None or len(about["sheets"]) + about["hidden"] < 2:
            return []
        others = [name for name in about["sheets"] if name != about["taken"]]
        return [
            _(
                "sheet {sheet!r} is read, it has the most rows; other sheets: {others} "
                "(--sheet NAME)",
                sheet=about["taken"],
                others=", ".join(others[:5]) or _("hidden ones"),
            )
        ]


def _then_closed(batches: Batches, kept: IO[str]) -> Batches:
    with kept:
        yield from batches


def _run(path: Path, sheet: str, kept: IO[str]) -> None:
    command = [sys.executable, "-P", "-m", "weitiao.data.files.workbook", disk.plain(path), sheet]
    try:
        done = subprocess.run(
            command, stdout=kept, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
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
        kept.seek(0)
        names = json.loads(kept.readline())["sheets"]
        raise DataError(
            _("{file}: no sheet {sheet!r}; there are {sheets}.", file=path.name, sheet=sheet,
                 sheets=", ".join(names))
        )  # fmt: skip
    raise DataError(
        _("{file}: this workbook is broken, or a cell stands so far off that it cannot be "
             "read. Open it in a spreadsheet program and save it anew, or as csv.", file=path.name)
    )  # fmt: skip


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        return "EncryptedPackage".encode("utf-16-le") in file.read(1 << 20)


def _spread(merged: Sequence[Any], name: str) -> dict[int, dict[int, tuple[int, int]]]:
    """row -> column -> the cell whose value stands there too (all from 0)."""
    spread: dict[int, dict[int, tuple[int, int]]] = {}
    count = 0
    for (top, left), (bottom, right) in merged:
        count += (bottom - top + 1) * (right - left + 1)
        if count > MERGED_CELLS:
            raise DataError(_("{file}: too many merged cells.", file=name))
        for row in range(top, bottom + 1):
            spread.setdefault(row, {}).update(dict.fromkeys(range(left, right + 1), (top, left)))
    return spread


def _with_merged(
    rows: Iterator[sheet_table.Row], spread: Mapping[int, Mapping[int, tuple[int, int]]]
) -> Iterator[sheet_table.Row]:
    """Rows with the value of a merged cell in every row it reaches down to.

    Across, it stays where it is: a title over the whole width is no row full of titles.
    """
    values: dict[tuple[int, int], Any] = {}
    for number, cells in rows:
        taken = list(cells)
        for place, origin in spread.get(number - 1, {}).items():
            if origin == (number - 1, place):
                values[origin] = taken[place] if place < len(taken) else None
            elif place == origin[1] and place < len(taken) and taken[place] is None:
                taken[place] = values.get(origin)
        yield number, taken
