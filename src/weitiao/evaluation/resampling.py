"""Resamples of judged rows: how a figure would differ had other rows been drawn.

Rows that are alike in truth and answers are interchangeable, so labels are resampled by pattern: a
hundred thousand rows of two models have some dozens of patterns, and resampling them takes no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.tasks.answers.base import Answers

Values = Callable[[Answers, np.ndarray], np.ndarray]  # answers, weights (samples, rows) -> figures

CELLS = 2**21  # numbers in one array of resamples: 16 MB, whatever the number of rows
LEFT_OUT = 400  # groups of rows that are left out in turn
FEW = 0.25  # patterns for a row, up to which drawing the counts is quicker than drawing rows


@dataclass(frozen=True, eq=False)
class Patterns:
    """Several sets of answers to the same rows, one row for all that are alike.

    judged: the sets, cut to one row a pattern; which: (rows,) the pattern of each row; counts:
    (patterns,) how many rows have it.
    """

    judged: Sequence[Answers]
    which: np.ndarray
    counts: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.which)

    def points(self, values: Values) -> np.ndarray:
        """The figures of each set on all rows, (sets, ...)."""
        return np.stack([values(one, self.counts[None])[0] for one in self.judged])

    def drawn(self, values: Values, samples: int, seed: int) -> np.ndarray:
        """The figures of each set on the same resamples of the rows, (samples, sets, ...)."""
        return self._under(values, self._draws(samples, seed))

    def left_out(self, values: Values, seed: int) -> tuple[np.ndarray, float]:
        """The figures without each group of rows in turn, (groups, sets, ...); rows in a group."""
        groups = min(LEFT_OUT, self.rows)
        member = np.random.default_rng(seed).permutation(self.rows) % groups
        return self._under(values, self._without(member, groups)), self.rows / groups

    def _under(self, values: Values, weights: Iterator[np.ndarray]) -> np.ndarray:
        found = [np.stack([values(one, some) for one in self.judged], 1) for some in weights]
        return np.concatenate(found)

    def _draws(self, samples: int, seed: int) -> Iterator[np.ndarray]:
        """How often each pattern was drawn, (some samples, patterns), until there are `samples`."""
        generator = np.random.default_rng(seed)
        rows, patterns = self.rows, len(self.counts)
        few = patterns <= FEW * rows
        size = max(1, CELLS // (patterns if few else rows))
        for start in range(0, samples, size):
            count = min(size, samples - start)
            if few:
                yield generator.multinomial(rows, self.counts / rows, count).astype(float)
                continue
            drawn = self.which[generator.integers(0, rows, (count, rows))]
            drawn += np.arange(count)[:, None] * patterns
            counts = np.bincount(drawn.ravel(), minlength=count * patterns)
            yield counts.reshape(count, patterns).astype(float)

    def _without(self, member: np.ndarray, groups: int) -> Iterator[np.ndarray]:
        patterns = len(self.counts)
        gone = np.bincount(member * patterns + self.which, minlength=groups * patterns)
        for some in np.array_split(gone.reshape(groups, patterns), max(1, gone.size // CELLS)):
            yield self.counts - some


def patterns_of(every: Sequence[Answers], *, by_scores: bool = False) -> Patterns:
    """The patterns of several sets of answers. by_scores: scores count, so each row is its own."""
    first = every[0]
    rows = len(first.targets)
    if by_scores or not first.interchangeable:
        return Patterns(every, np.arange(rows), np.ones(rows))
    which = _numbered(first.targets)
    for one in every:
        answer = _numbered(one.values)
        which = _numbered(which * (int(answer.max()) + 1) + answer)
    _, at, counts = np.unique(which, return_index=True, return_counts=True)
    return Patterns([one.take(at) for one in every], which, counts.astype(float))


def _numbered(values: np.ndarray) -> np.ndarray:
    """Equal rows get equal numbers from 0 on."""
    if values.ndim == 2:
        packed: Any = np.packbits(values.astype(bool), axis=1)
        values = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    return np.unique(values, return_inverse=True)[1].ravel()
