"""A last row that adds up the others, and what SQL programs write below a table."""

from __future__ import annotations

import math
import re
from typing import Any

from weitiao.data.files.cells import as_text
from weitiao.data.infer.cells import number
from weitiao.data.infer.column_names import words
from weitiao.i18n.messages import _

FEWEST_ROWS = 5
WORDS = {
    "grand total",
    *words("total totals sum summe gesamt somme suma average mean count итого"),
    *words("合计 总计 总和 共计 小计 均值"),
}
# (60 rows affected), 60 rows in set (0.00 sec), 60 rows selected., Time: 3.1 ms
_FOOTER = re.compile(
    r"\(?[\d,]+ (rows?|records?|tuples?)( (affected|selected|in set|returned))?\.?\)?"
    r"( \([\d.]+ sec\))?\.?|Time: [\d.,]+ m?s.*|（?共? ?\d+ ?(行|条|条记录)）?",
    re.IGNORECASE,
)


def is_footer(line: str) -> bool:
    """Whether a line below a table says how many rows it has.

    >>> is_footer("(60 rows)"), is_footer("60 rows in set (0.00 sec)"), is_footer("60 rows of it")
    (True, True, False)
    """
    return _FOOTER.fullmatch(line.strip("\ufeff \t\r\n|")) is not None


def without_total(table: Any) -> tuple[Any, list[str]]:
    """The table without a last row of totals, and what is said of it.

    One cell must be such a word, all others empty or numbers, and at least one number the count,
    sum or mean of its column, or no value that the column else has.
    """
    rows = table.num_rows - 1
    if rows < FEWEST_ROWS:
        return table, []
    names = [name for name in table.column_names if not name.startswith("__")]
    last = {name: _text(table.column(name)[rows]) for name in names}
    filled = {name: cell for name, cell in last.items() if cell}
    named = [name for name, cell in filled.items() if cell.rstrip(":：").strip().lower() in WORDS]
    figures = {name: number(cell) for name, cell in filled.items() if name not in named}
    if len(named) != 1 or not figures or None in figures.values():
        return table, []
    if not any(_adds_up(table, name, float(value or 0), rows) for name, value in figures.items()):
        return table, []
    shown = " | ".join(filled.values())
    return table.slice(0, rows), [_("the last row is a total and left out: {cells}", cells=shown)]


def _adds_up(table: Any, name: str, value: float, rows: int) -> bool:
    numbers = []
    for at in range(rows):
        cell = _text(table.column(name)[at])
        one = number(cell) if cell else None
        if cell and one is None:  # labels: a number among them is none
            return True
        if one is not None:
            numbers.append(one)
    if not numbers:
        return value == rows
    whole = math.fsum(numbers)
    return any(
        math.isclose(value, other, rel_tol=1e-3, abs_tol=0.005)
        for other in (whole, whole / len(numbers), rows, len(numbers))
    )


def _text(cell: Any) -> str:
    value = cell.as_py()
    return "" if value is None else as_text(value).strip()
