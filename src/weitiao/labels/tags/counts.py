"""True positives of entity spans: predicted spans with the ends and label of a gold one."""

from __future__ import annotations

import numpy as np

from weitiao.core.ragged import Ragged


def matched(one: Ragged, other: Ragged) -> np.ndarray:
    """(spans of one,) bool: whether the same span stands in the same row of the other."""
    # Each (row, start, end, label) gets a number by np.unique, so that a match is a set membership.
    if not len(one.values) or not len(other.values):
        return np.zeros(len(one.values), bool)
    rows = [np.column_stack([each.owners, each.values]) for each in (one, other)]
    numbers = np.unique(np.concatenate(rows), axis=0, return_inverse=True)[1].ravel()
    return np.isin(numbers[: len(rows[0])], numbers[len(rows[0]) :])


def by_row(right: Ragged, predicted: Ragged) -> np.ndarray:
    """Counts by row, (rows, 3): true positives, predicted spans, gold spans."""
    rows = len(right)
    hits = np.bincount(predicted.owners[matched(predicted, right)], minlength=rows)
    return np.column_stack([hits, predicted.lengths, right.lengths])


def by_row_and_label(right: Ragged, predicted: Ragged, labels: int) -> tuple[np.ndarray, ...]:
    """Counts by row and label, (rows, labels) each: true positives, predicted, gold spans."""
    hit = matched(predicted, right)

    def table(spans: Ragged, picked: np.ndarray | slice = slice(None)) -> np.ndarray:
        cells = (spans.owners * labels + spans.values[:, 2])[picked]
        return np.bincount(cells, minlength=len(right) * labels).reshape(len(right), labels)

    return table(predicted, hit), table(predicted), table(right)


def by_label(right: Ragged, predicted: Ragged, labels: int) -> np.ndarray:
    """Counts by label, (labels, 3): true positives, predicted spans, gold spans."""
    hits = predicted.values[matched(predicted, right), 2]
    each = (hits, predicted.values[:, 2], right.values[:, 2])
    return np.column_stack([np.bincount(some, minlength=labels) for some in each])
