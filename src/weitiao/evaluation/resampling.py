"""Bootstrap and jackknife resampling of evaluated rows, for all metrics at once.

Rows with the same target and predictions are interchangeable, so labels are resampled by pattern:
drawing n rows with replacement is one multinomial draw of counts over the patterns. A hundred
thousand rows of two models have some dozens of patterns, and resampling them takes no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.tasks.answers.base import Answers

Values = Callable[[Answers, np.ndarray], np.ndarray]  # answers, weights (samples, rows) -> figures

CELLS = 2**21  # numbers in one array of resamples: 16 MB, whatever the number of rows
JACKKNIFE_GROUPS = 400
FEW_PATTERNS = 0.25  # of the rows; up to this many a multinomial draw is faster than drawing rows


@dataclass(frozen=True, eq=False)
class Patterns:
    """Sets of answers to the same rows, cut to one row a pattern.

    which: (rows,) the pattern of each row; counts: (patterns,) how many rows have it.
    """

    answers: Sequence[Answers]
    which: np.ndarray
    counts: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.which)

    def points(self, values: Values) -> np.ndarray:
        """The point estimates of each set on all rows, (sets, ...)."""
        return np.stack([values(one, self.counts[None])[0] for one in self.answers])

    def drawn(self, values: Values, samples: int, seed: int) -> np.ndarray:
        """Bootstrap replicates of each set on the same resamples, (samples, sets, ...)."""
        return self._under(values, self._draws(samples, seed))

    def left_out(self, values: Values, seed: int) -> tuple[np.ndarray, float]:
        """Grouped jackknife: the values without each group of rows, (groups, sets, ...); and the
        rows in a group."""
        groups = min(JACKKNIFE_GROUPS, self.rows)
        member = np.random.default_rng(seed).permutation(self.rows) % groups
        return self._under(values, self._without(member, groups)), self.rows / groups

    def _under(self, values: Values, weights: Iterator[np.ndarray]) -> np.ndarray:
        metrics = [np.stack([values(one, some) for one in self.answers], 1) for some in weights]
        return np.concatenate(metrics)

    def _draws(self, samples: int, seed: int) -> Iterator[np.ndarray]:
        """How often each pattern was drawn, (some samples, patterns), until there are `samples`."""
        generator = np.random.default_rng(seed)
        rows, patterns = self.rows, len(self.counts)
        few = patterns <= FEW_PATTERNS * rows
        size = max(1, CELLS // (patterns if few else rows))
        for start in range(0, samples, size):
            count = min(size, samples - start)
            if few:
                yield generator.multinomial(rows, self.counts / rows, count).astype(float)
                continue
            drawn = self.which[generator.integers(0, rows, (count, rows))]
            # One bincount for all samples: each gets a range of its own in the flat index.
            drawn += np.arange(count)[:, None] * patterns
            counts = np.bincount(drawn.ravel(), minlength=count * patterns)
            yield counts.reshape(count, patterns).astype(float)

    def _without(self, member: np.ndarray, groups: int) -> Iterator[np.ndarray]:
        patterns = len(self.counts)
        dropped = np.bincount(member * patterns + self.which, minlength=groups * patterns)
        for some in np.array_split(
            dropped.reshape(groups, patterns), max(1, dropped.size // CELLS)
        ):
            yield self.counts - some


def patterns_of(sets: Sequence[Answers], *, by_scores: bool = False) -> Patterns:
    """The patterns of sets of answers. by_scores: scores matter, so each row is a pattern."""
    first = sets[0]
    rows = len(first.targets)
    if by_scores or not first.interchangeable:
        return Patterns(sets, np.arange(rows), np.ones(rows))
    which = _numbered(first.targets)
    for one in sets:
        # Numbered again after each set: the product of all sizes would overflow int64.
        answer = _numbered(one.values)
        which = _numbered(which * (int(answer.max()) + 1) + answer)
    _, at, counts = np.unique(which, return_index=True, return_counts=True)
    return Patterns([one.take(at) for one in sets], which, counts.astype(float))


def _numbered(values: np.ndarray) -> np.ndarray:
    """Dense codes: equal rows get equal numbers from 0 on."""
    if values.ndim == 2:
        # A row of flags as one opaque scalar of bytes: np.unique(axis=0) is far slower.
        packed: Any = np.packbits(values.astype(bool), axis=1)
        values = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    return np.unique(values, return_inverse=True)[1].ravel()
