"""Targets as the task means them: labels as texts, numbers as floats, several labels as lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weitiao.data.files import take
from weitiao.data.infer.cells import flag, is_ambiguous, is_missing, label, number, split_labels
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _
from weitiao.labels.tags.cells import answer_of

SPAN = 4096
NUMBERS = {"regression", "similarity"}  # tasks whose targets are numbers
Locate = Callable[[int], str]  # position -> "reviews.csv:17"


def read_targets(
    table: Any,
    role: str | Sequence[str],
    task: str,
    positions: np.ndarray,
    locate: Locate,
    wrong: dict[int, str] | None = None,
) -> list[Any]:
    """One target for each position; None where the cell is empty.

    A target that does not fit the task goes to `wrong` (position -> the reason); without that,
    DataError is raised, naming the row.
    """
    columns = [role] if isinstance(role, str) else list(role)
    if task == "multilabel" and not isinstance(role, str):
        convert: Callable[[tuple[str, ...]], Any] = _Flags(columns)
    elif len(columns) > 1:
        raise DataError(
            _("task {task}: the target is one column; {count} are given.", task=task,
                 count=len(columns))
        )  # fmt: skip
    else:
        convert = _One(columns[0], task)
    known: dict[tuple[str, ...], Any] = {}  # one object for each label, however many rows
    found: list[Any] = []
    for span in take.spans(positions, SPAN):
        cells = [take.texts(table.column(column), span) for column in columns]
        for position, row in zip(span, zip(*cells, strict=True), strict=True):
            if row not in known:
                if len(known) > 10_000:
                    known.clear()
                try:
                    known[row] = convert(row)
                except ValueError as error:
                    known[row] = error
            target = known[row]
            if isinstance(target, ValueError):
                if wrong is None:
                    raise DataError(placed(locate(int(position)), str(target))) from None
                wrong[int(position)] = str(target)
                target = None
            found.append(target)
    return found


def unlabelled_marks(
    table: Any, role: str | Sequence[str], task: str, positions: np.ndarray
) -> Counter[str]:
    """What stands in cells of a target that is not empty but says so: NULL, #N/A; how often."""
    marks: Counter[str] = Counter()
    columns = [role] if isinstance(role, str) else list(role)
    if len(columns) > 1:
        return marks
    for span in take.spans(positions, SPAN):
        for cell in take.texts(table.column(columns[0]), span):
            if len(cell) < 12 and cell.strip() and is_missing(cell, among_numbers=_numbers(task)):
                marks[cell.strip()] += 1
    return marks


def _numbers(task: str) -> bool:
    return task in NUMBERS


class _One:
    """The target in one cell."""

    def __init__(self, column: str, task: str) -> None:
        self._column = column
        self._numbers = _numbers(task)
        self._convert = _CONVERSIONS.get(task, label)

    def __call__(self, row: tuple[str, ...]) -> Any:
        (cell,) = row
        if is_missing(cell, among_numbers=self._numbers):
            return None
        if not self._numbers:
            return self._convert(cell)
        value = number(cell)
        if value is not None:
            return value
        if is_ambiguous(cell):
            raise ValueError(
                _(
                    "{column} is {cell!r}, which is 1234 to some and 1.234 to others. Write such "
                    "numbers without the comma, or with a point.",
                    column=self._column,
                    cell=cell.strip()[:40],
                )
            )
        raise ValueError(
            _(
                "{column} is {cell!r}, not a finite number. Correct or empty the cell, or use "
                "--task classification.",
                column=self._column,
                cell=cell.strip()[:40],
            )
        )


def _as_relation(cell: str) -> str | None:
    relation = label(cell)
    return None if relation == "-" else relation  # annotators who could not agree write "-"


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "multilabel": split_labels,
    "nli": _as_relation,
    "token_classification": answer_of,
}


class _Flags:
    """Several labels in as many columns of 0 and 1."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def __call__(self, row: tuple[str, ...]) -> list[str] | None:
        if all(is_missing(cell) for cell in row):
            return None
        flags = [flag(cell) for cell in row]
        if None in flags:
            wrong = flags.index(None)
            raise ValueError(
                _(
                    "{column} is {cell!r}; with several target columns each cell is 0 or 1.",
                    column=self._columns[wrong],
                    cell=row[wrong][:40],
                )
            )
        return [name for name, is_set in zip(self._columns, flags, strict=True) if is_set]
