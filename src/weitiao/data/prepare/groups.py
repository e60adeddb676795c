"""Rows that stay on one side of a split: of one text, of one passage, of one group."""

from __future__ import annotations

import numpy as np

from weitiao.data.files import take
from weitiao.data.prepare import duplicates
from weitiao.data.rows import Rows

TOGETHER = ("context", "group")  # roles: rows with the same cell are not parted


def units_of(rows: Rows, keys: np.ndarray) -> np.ndarray:
    """A number for each row; rows that must not be parted have the same.

    keys: of the rows' texts. Rows with equal texts stay together, questions about one passage too,
    and rows with the same value in the column of the role `group`; an empty cell is no value.
    """
    units = duplicates.groups_of(keys)
    for role in TOGETHER:
        if role in rows.roles:
            same = duplicates.groups_of(keys_of(rows, role))
            alone = np.flatnonzero(~_filled(rows, role))
            same[alone] = same.max(initial=0) + 1 + np.arange(len(alone))
            units = _joined(units, same)
    return units


def keys_of(rows: Rows, role: str) -> np.ndarray:
    """Keys of the cells that rows have for a role: equal where the cells are."""
    return duplicates.text_keys(rows.table, [str(rows.roles[role])], rows.indices)


def with_value(rows: Rows, role: str) -> Rows:
    """The rows that have something in the cell for a role."""
    return rows.take(np.flatnonzero(_filled(rows, role)))


def _filled(rows: Rows, role: str) -> np.ndarray:
    """(rows,) whether the cell for a role has something in it."""
    column = rows.table.column(str(rows.roles[role]))
    found = [
        np.array([bool(cell.strip()) for cell in take.texts(column, span)], bool)
        for span in take.spans(rows.indices, duplicates.SPAN)
    ]
    return np.concatenate([*found, np.zeros(0, bool)])


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Units that hold every unit of both, whole: what touches grows together.

    >>> _joined(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])).tolist()
    [0, 0, 0, 2]
    """
    units = first.copy()
    while True:
        before = units.copy()
        for other in (second, first):
            lowest = np.full(int(other.max(initial=0)) + 1, len(units))
            np.minimum.at(lowest, other, units)
            units = lowest[other]
        if np.array_equal(before, units):
            return units
