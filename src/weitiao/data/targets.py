"""Targets as the task means them: labels as texts, numbers as floats, several labels as lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weitiao.data import gather
from weitiao.data.labels import flag, number, split_labels
from weitiao.errors import DataError

SPAN = 4096
Locate = Callable[[int], str]  # position -> "reviews.csv:17"


def read_targets(
    table: Any, role: str | Sequence[str], task: str, positions: np.ndarray, locate: Locate
) -> list[Any]:
    """One target for each position; None where the cell is empty.

    Raises DataError naming the row whose target does not fit the task.
    """
    columns = [role] if isinstance(role, str) else list(role)
    if task == "multilabel" and not isinstance(role, str):
        return _from_flags(table, columns, positions, locate)
    if len(columns) > 1:
        raise DataError(f"task {task}: the target is one column; {len(columns)} are given.")
    convert = _CONVERSIONS.get(task, str.strip)
    known: dict[str, Any] = {}  # one object for each label, however many rows there are
    found: list[Any] = []
    for span in gather.spans(positions, SPAN):
        for position, cell in zip(span, gather.texts(table.column(columns[0]), span), strict=True):
            if cell not in known:
                if len(known) > 10_000:
                    known.clear()
                try:
                    known[cell] = convert(cell) if cell.strip() else None
                except ValueError as error:
                    raise DataError(f"{locate(int(position))}: {columns[0]} {error}") from None
            found.append(known[cell])
    return found


def _as_number(cell: str) -> float:
    value = number(cell)
    if value is None:
        raise ValueError(
            f"is {cell.strip()[:40]!r}, not a finite number. Correct or empty the cell, "
            "or use --task classification."
        )
    return value


def _as_relation(cell: str) -> str | None:
    relation = cell.strip()
    return None if relation == "-" else relation  # annotators who could not agree write "-"


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "regression": _as_number,
    "multilabel": split_labels,
    "nli": _as_relation,
}


def _from_flags(table: Any, columns: list[str], positions: np.ndarray, locate: Locate) -> list[Any]:
    known: dict[tuple[str, ...], list[str] | None] = {}
    found: list[Any] = []
    for span in gather.spans(positions, SPAN):
        cells = [gather.texts(table.column(column), span) for column in columns]
        for position, row in zip(span, zip(*cells, strict=True), strict=True):
            if row not in known:
                known[row] = _labels_of(row, columns, locate(int(position)))
            found.append(known[row])
    return found


def _labels_of(row: tuple[str, ...], columns: list[str], where: str) -> list[str] | None:
    if not any(cell.strip() for cell in row):
        return None
    flags = [flag(cell) for cell in row]
    if None in flags:
        wrong = flags.index(None)
        raise DataError(
            f"{where}: {columns[wrong]} is {row[wrong][:40]!r}; with several target columns "
            "each cell is 0 or 1."
        )
    return [name for name, is_set in zip(columns, flags, strict=True) if is_set]
