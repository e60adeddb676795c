"""Temporal split: the newest rows are the test, those before them validation, the rest train."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.infer.times import times_of
from weitiao.data.prepare import duplicates
from weitiao.data.rows import Rows
from weitiao.i18n.messages import _

TIME = "time"  # role of the column

FEWEST_SECONDS = 1e6  # since 1970: smaller numbers count weeks, versions, ...

Split = tuple[np.ndarray, np.ndarray, np.ndarray]


def times_in(rows: Rows) -> np.ndarray:
    """Seconds since 1970 of each row. Raises DataError for cells that hold no time."""
    column = rows.table.column(str(rows.roles[TIME]))
    cells = [
        cell
        for span in position_batches(rows.indices, duplicates.SPAN)
        for cell in cell_texts(column, span)
    ]
    return times_of(cells, rows.ids(), str(rows.roles[TIME]))


def split_by_time(
    times: np.ndarray, units: np.ndarray, validation_size: float, test_size: float
) -> Split:
    """Positions (int64, ascending) of the train, validation and test rows.

    Rows with the same number in `units` stay together, by the time of their newest one. Rows of
    one moment stay together, too, unless that made a part more than twice as large as planned.

    >>> split_by_time(np.arange(10.0), np.arange(10), 0.2, 0.2)[1:]
    (array([6, 7]), array([8, 9]))
    """
    n = len(times)
    owner = np.unique(units, return_inverse=True)[1]
    newest = np.full(int(owner.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(newest, owner, times)
    order = np.lexsort((np.arange(n), owner, newest[owner]))
    # A boundary may stand before a row of another unit; before one of another time if possible.
    sorted_units, sorted_times = owner[order], newest[owner][order]
    between = np.flatnonzero(np.diff(sorted_units)) + 1
    changes = np.flatnonzero(np.diff(sorted_times)) + 1
    test_from = _boundary(changes, between, n, round(n * test_size))
    valid_from = _boundary(changes, between, test_from, round(n * validation_size))
    bounds = ((0, valid_from), (valid_from, test_from), (test_from, n))
    train, validation, test = (np.sort(order[begin:end]) for begin, end in bounds)
    return train, validation, test


def _boundary(changes: np.ndarray, between: np.ndarray, end: int, size: int) -> int:
    """Where a part of about `size` rows that goes to `end` begins: at a change of time where that
    makes it at most twice as large, else between two units; `end` where no row can be spared."""
    if not size:
        return end
    for places, most in ((changes, size), (between, end)):
        allowed = places[places < end]
        if len(allowed):
            nearest = int(allowed[np.abs(allowed - (end - size)).argmin()])
            if abs(nearest - (end - size)) <= most:
                return nearest
    return end


def described(times: np.ndarray, split: Split, column: str) -> str:
    """The times of the parts, for the history."""
    spans = [_span(times[part]) for part in split]
    return _(
        "split by time, column {column!r}: train {train}, validation {validation}, test {test}",
        column=column,
        train=spans[0],
        validation=spans[1],
        test=spans[2],
    )


def _span(times: np.ndarray) -> str:
    if not len(times):
        return "–"
    first, last = (_written(float(one)) for one in (times.min(), times.max()))
    return first if first == last else _("{first} to {last}", first=first, last=last)


def _written(seconds: float) -> str:
    if 0 <= seconds < FEWEST_SECONDS:
        return f"{seconds:g}"
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a number that is no time since 1970
        return f"{seconds:g}"
    midnight = not (moment.hour or moment.minute or moment.second)
    return f"{moment:%Y-%m-%d}" if midnight else f"{moment:%Y-%m-%d %H:%M}"
