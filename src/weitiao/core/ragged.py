"""Ragged arrays: rows of differing lengths as flat values with offsets, as in Arrow lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Ragged:
    """Ragged array: row i is values[offsets[i] : offsets[i + 1]]; rows may be empty.

    >>> ragged = Ragged.of([np.array([1, 2]), np.array([], int), np.array([3])])
    >>> len(ragged), ragged.values.tolist(), ragged[[2, 0]].values.tolist(), ragged.row(0).tolist()
    (3, [1, 2, 3], [3, 1, 2], [1, 2])
    """

    values: np.ndarray  # (all, ...)
    offsets: np.ndarray  # (rows + 1,) int64

    @classmethod
    def of(cls, rows: Sequence[np.ndarray]) -> Self:
        """Build from one array a row; at least one, since it alone tells dtype and inner shape."""
        return cls(np.concatenate(rows), edges([len(row) for row in rows]))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, one after the other."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.values for part in parts]), edges(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: slice | Sequence[int] | np.ndarray) -> Self:
        """These rows, in this order. A mask picks rows too."""
        wanted = np.arange(len(self))[rows]
        values = self.values[flat(self.offsets, wanted)]
        return type(self)(values, edges(self.lengths[wanted]))

    def row(self, at: int) -> np.ndarray:
        """The values of one row: a view."""
        return self.values[self.offsets[at] : self.offsets[at + 1]]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    @property
    def owners(self) -> np.ndarray:
        """(all,) the row of each value."""
        return np.repeat(np.arange(len(self)), self.lengths)


def edges(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Convert lengths (rows,) to offsets (rows + 1,): [2, 0, 1] is [0, 2, 2, 3]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(lengths, np.int64))])


def flat(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Flat indices of all values of these rows, row after row.

    >>> flat(np.array([0, 2, 2, 5]), np.array([2, 0])).tolist()
    [2, 3, 4, 0, 1]
    """
    # Value j of the result, in row r, comes from starts[r] + (j - before[r]), where before[r] is
    # how many values precede the row in the result: one addition without a loop over rows.
    starts, lengths = offsets[rows], offsets[rows + 1] - offsets[rows]
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def together(parts: Sequence[Any]) -> Any:
    """Concatenate parts: arrays, or objects with a class method `joined`."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return type(parts[0]).joined(parts)


def dealt(parts: Sequence[Any]) -> Any:
    """Undo round-robin sharding (row i in part i % parts): all rows in their original order."""
    world = len(parts)
    places = np.concatenate([np.arange(len(one)) * world + at for at, one in enumerate(parts)])
    return together(parts)[np.argsort(places)]


def values_of(labels: np.ndarray | Ragged) -> np.ndarray:
    """The flat values of labels, ragged or not."""
    return labels.values if isinstance(labels, Ragged) else labels
