"""Spans that are right: given by the model and true, with the same ends and the same label."""

from __future__ import annotations

import numpy as np

from weitiao.core.ragged import Ragged


def matched(one: Ragged, other: Ragged) -> np.ndarray:
    """(spans of one,) whether the same span stands in the same row of the other."""
    if not len(one.values) or not len(other.values):
        return np.zeros(len(one.values), bool)
    rows = [np.column_stack([each.owners, each.values]) for each in (one, other)]
    numbers = np.unique(np.concatenate(rows), axis=0, return_inverse=True)[1].ravel()
    return np.isin(numbers[: len(rows[0])], numbers[len(rows[0]) :])


def by_row(right: Ragged, given: Ragged) -> np.ndarray:
    """(rows, 3): spans that are right, that are given, that are true."""
    rows = len(right)
    hits = np.bincount(given.owners[matched(given, right)], minlength=rows)
    return np.column_stack([hits, given.lengths, right.lengths])


def by_row_and_label(right: Ragged, given: Ragged, labels: int) -> tuple[np.ndarray, ...]:
    """(rows, labels) each: spans that are right, that are given, that are true."""
    hit = matched(given, right)

    def table(spans: Ragged, picked: np.ndarray | slice = slice(None)) -> np.ndarray:
        cells = (spans.owners * labels + spans.values[:, 2])[picked]
        return np.bincount(cells, minlength=len(right) * labels).reshape(len(right), labels)

    return table(given, hit), table(given), table(right)


def by_label(right: Ragged, given: Ragged, labels: int) -> np.ndarray:
    """(labels, 3): the same, added up over the rows for each label."""
    hits = given.values[matched(given, right), 2]
    each = (hits, given.values[:, 2], right.values[:, 2])
    return np.column_stack([np.bincount(some, minlength=labels) for some in each])
