"""Subprocess that converts a workbook (Excel, ODS) to JSON lines.

    python -P -m weitiao.data.files.workbook FILE [SHEET [names]]

The library that reads workbooks ends its process when a sheet claims more cells than memory can
hold (one stray cell in the last column of the last row is enough). So it gets a process to end.
The first line says which sheets there are, the others hold [row number, cells]. names: the names of
all sheets alone.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

MEMORY = 6 << 30  # bytes that the process may take
BROKEN, PASSWORD, NO_SHEET = 3, 4, 5  # exit codes


def lines(path: str, wanted: str, only_names: bool = False) -> Iterator[Any]:
    """JSON values to print: the sheets and the chosen one, then its rows."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    with open(path, "rb") as file:
        book = CalamineWorkbook.from_filelike(file)
    sheets = [s for s in book.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
    shown = [s.name for s in sheets if s.visible == SheetVisibleEnum.Visible]
    names = [s.name for s in sheets]
    if only_names:
        yield {"sheets": names}
        return
    if wanted and wanted not in names:
        number = int(wanted) if wanted.isdigit() else 0
        if not 1 <= number <= len(names):
            yield {"sheets": names}
            raise KeyError(wanted)
        wanted = names[number - 1]
    heights = {}
    for name in [wanted] if wanted else shown or names:
        heights[name] = book.get_sheet_by_name(name).height
    taken = max(heights, key=lambda name: heights[name], default="")
    about = {"sheets": shown, "taken": taken, "hidden": len(names) - len(shown)}
    if not taken:
        yield {**about, "merged": []}
        return
    sheet = book.get_sheet_by_name(taken)
    yield {**about, "merged": sheet.merged_cell_ranges or []}
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [_plain(cell) for cell in row]
        if any(cell is not None for cell in cells):
            yield [number, cells]


def _plain(cell: Any) -> Any:
    """Convert a cell to JSON: whole floats to int, dates to ISO 8601, empty cells to None."""
    # A workbook stores every number as a double: the label 1 comes as 1.0.
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return None
        return int(cell) if cell.is_integer() and abs(cell) < 1e15 else cell
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return None if cell == "" else cell


def main() -> int:
    path, wanted = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    _limit_memory()
    try:
        for line in lines(path, wanted, only_names=len(sys.argv) > 3):
            sys.stdout.write(json.dumps(line) + "\n")
    except KeyError:
        return NO_SHEET
    except (OSError, MemoryError):
        return BROKEN
    except BaseException as error:
        # PanicException (a panic in Rust) is no Exception, and pyo3 does not export its class.
        name = type(error).__name__
        if name == "PasswordError":
            return PASSWORD
        if "cell error" in str(error).lower():  # such as #SPILL!, which it does not know
            sys.stdout.write("\n" + json.dumps({"broken": " ".join(str(error).split())[:200]}))
            return BROKEN
        if name == "PanicException" or type(error).__module__.startswith("python_calamine"):
            return BROKEN
        raise
    return 0


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        # Above it, Rust's allocator aborts the process, which the parent reports. Without it, the
        # kernel might kill the parent instead.
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


if __name__ == "__main__":
    sys.exit(main())
