"""CSV writer for spreadsheets, safe against formula injection (OWASP, "CSV injection").

A cell that a spreadsheet would execute begins with = + - @, a tab or a line break. It gets an
apostrophe before it, as OWASP advises, unless it is a plain number. A cell that begins with
apostrophes and then such a character gets one more, so that `unguarded` restores every cell.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from weitiao.i18n.messages import _, plural

# The last four are the full-width = + - @ of East Asian input methods.
_RUN = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?")

Add = Callable[[Sequence[Any]], None]


@contextmanager
def sheet(target: Path | IO[str], header: Sequence[str], delimiter: str = ",") -> Iterator[Add]:
    """Write a csv file row by row: with sheet(path, ["a", "b"]) as add: add([1, 2]).

    target: a file, or an open text stream, which gets no byte order mark.
    """
    opened: AbstractContextManager[IO[str]] = nullcontext(target)  # type: ignore[arg-type]
    if isinstance(target, Path):
        opened = target.open("w", encoding="utf-8-sig", newline="")  # the mark lets Excel read it
    with opened as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow([guarded(name) for name in header])
        yield lambda row: writer.writerow([guarded(cell) for cell in row])


def guarded(value: Any) -> Any:
    """Escape a cell that a spreadsheet would execute as a formula.

    >>> guarded("=1+2"), guarded("-1.5"), guarded("'=x"), guarded(-3), guarded("it's")
    ("'=1+2", '-1.5', "''=x", -3, "it's")
    """
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _RUN.match(value) and not _NUMBER.fullmatch(value):
        return "'" + value
    return value


def count_guarded(cells: Iterable[Any]) -> int:
    """How many cells of a row `guarded` changes.

    >>> count_guarded(["=1", "a", -3])
    1
    """
    return sum(isinstance(cell, str) and guarded(cell) is not cell for cell in cells)


def guarded_notes(count: int, form: str | None) -> list[str]:
    """What to say of a written file with so many guarded cells; nothing where it has none."""
    if not count or form not in ("csv", "tsv"):
        return []
    return [
        _(
            "{cells} that a spreadsheet would run as a formula have an apostrophe before them; "
            ".xlsx, .jsonl and .parquet hold every text as it is",
            cells=plural(count, "cell"),
        )
    ]


def unguarded(cell: str) -> str:
    """Undo `guarded`: the cell as it was before escaping.

    >>> unguarded("'=1+2"), unguarded("''=x"), unguarded("'tis")
    ('=1+2', "'=x", "'tis")
    """
    return cell[1:] if cell.startswith("'") and _RUN.match(cell) else cell
