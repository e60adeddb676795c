"""Slices: parts of the judged rows on which the model is worse than on the others.

Each candidate is compared with all rows outside it by a one-sided test: Fisher's exact test of the
wrong rows, or for numbers a rank-sum test of the errors. Who looks at many parts finds a bad one by
chance; so p-values are corrected by Holm (1979), which holds for overlapping slices too: where
nothing is weak, at most one look in twenty reports one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from weitiao.evaluation.intervals import wilson
from weitiao.tasks.answers.base import Answers

FEWEST = 10  # rows of a slice, and outside it
# The corrected p-value of a weak slice; below 1 in 20, since the rank test is approximate.
SURE = 0.04


@dataclass(frozen=True)
class Candidate:
    """A part of the rows. kind: length, language, label, column, texts."""

    kind: str
    name: str  # the column; empty where the kind says it
    value: str
    rows: np.ndarray  # positions among the judged rows


@dataclass(frozen=True)
class Slice:
    """A part and how it does. For numbers `score` is the mean error, and lower is better."""

    kind: str
    name: str
    value: str
    rows: int
    score: float  # share of right rows, or the mean error
    low: float
    high: float
    rest: float  # the same of all other rows
    p: float
    corrected: float
    weak: bool

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def judge_slices(judged: Answers, candidates: Sequence[Candidate]) -> list[Slice]:
    """Every candidate with enough rows, the surest weak one first."""
    total = len(judged.targets)
    kept = [c for c in candidates if FEWEST <= len(c.rows) <= total - FEWEST]
    if not kept:
        return []
    number = judged.numeric
    losses = judged.losses().astype(float)
    sizes = np.array([len(c.rows) for c in kept])
    sums = np.array([losses[c.rows].sum() for c in kept])
    if number:
        p = _ranks(losses, kept, sizes)
    else:
        from scipy.stats import hypergeom

        p = hypergeom.sf(sums - 1, total, losses.sum(), sizes)
    corrected = holm(p)
    rest = (losses.sum() - sums) / (total - sizes)
    found = []
    for at, one in enumerate(kept):
        own = sums[at] / sizes[at]
        score, others = (own, rest[at]) if number else (1 - own, 1 - rest[at])
        low, high = _spread(losses[one.rows]) if number else wilson(score, int(sizes[at]))
        weak = bool(corrected[at] < SURE and own > rest[at])
        found.append(
            Slice(one.kind, one.name, one.value, int(sizes[at]), float(score), low, high,
                  float(others), float(p[at]), float(corrected[at]), weak)
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.p, one.rows))


def holm(p: np.ndarray) -> np.ndarray:
    """P-values corrected for how many there are, by steps (Holm, 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    steps = p[order] * (len(p) - np.arange(len(p)))
    found = np.empty(len(p))
    found[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return found


def _ranks(losses: np.ndarray, candidates: Sequence[Candidate], sizes: np.ndarray) -> np.ndarray:
    """P-values of "the errors in here are larger", by the ranks of all errors."""
    from scipy.stats import norm, rankdata

    ranks = rankdata(losses)
    total, mean = len(ranks), ranks.mean()
    sums = np.array([ranks[one.rows].sum() for one in candidates])
    spread = ((ranks - mean) ** 2).sum() / (total - 1) / total
    deviation = np.sqrt(np.maximum(spread * sizes * (total - sizes), 1e-30))
    return np.asarray(norm.sf((sums - sizes * mean) / deviation))


def _spread(errors: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean error."""
    half = 1.96 * errors.std(ddof=1) / np.sqrt(len(errors))
    return float(max(errors.mean() - half, 0)), float(errors.mean() + half)
