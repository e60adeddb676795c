"""How far apart two recipes are, given that both rows and seeds are only samples.

A score differs from the true one for three reasons: the seed, the rows (which both recipes share),
and that each seed gets other rows wrong. With s seeds a recipe, the difference of the means has the
variance

    a + b + c,  a = var(first) / s_1,  b = var(second) / s_2,  c = what both recipes' own rows add

a and b are seen from seed to seed; they hold the third reason already, because every seed was
judged on these rows. So only what the seeds of a recipe have in common may be counted in c, or the
third reason is counted twice. A bootstrap over three seeds would be too sure by far (it takes a for
a third less than it is, and knows no degrees of freedom); Student's quantile with the degrees of
Welch and Satterthwaite holds for 3 seeds and more. benchmarks/recipes.py simulates it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

MOST = 50  # times the rows there are: nobody will label so many
MOST_SEEDS = 50


@dataclass(frozen=True)
class Contrast:
    """The second less the first, with its interval. `chance`: how probable a difference as large
    would be if there were none."""

    value: float
    low: float
    high: float
    chance: float
    rows_needed: int | None = None  # in all, for the interval to leave 0, if the gap stays
    seeds_needed: int | None = None  # of each recipe, the same

    @property
    def sign(self) -> int:
        """1: the second is higher beyond chance, -1: lower, 0: it cannot be told."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


@dataclass(frozen=True)
class Spread:
    """Where the variance of the difference comes from, each already divided by its seeds."""

    seeds: tuple[float, float]  # a and b above
    own: tuple[float, float]  # of these, what single rows add, seed by seed
    shared: float  # c above
    counts: tuple[int, int]
    rows: int

    @property
    def variance(self) -> float:
        return sum(self.seeds) + self.shared

    @property
    def degrees(self) -> float:
        """Of freedom, by Satterthwaite (1946)."""
        terms = [(x, n - 1) for x, n in zip(self.seeds, self.counts, strict=True) if n > 1]
        below = sum(x**2 / n for x, n in [*terms, (self.shared, self.rows - 1)])
        return self.variance**2 / below if below else float(self.rows - 1)

    def with_rows(self, times: float) -> Spread:
        """What it would be on so many times the rows."""
        left = tuple(s - o + o / times for s, o in zip(self.seeds, self.own, strict=True))
        own = tuple(o / times for o in self.own)
        rows = round(self.rows * times)
        return Spread((left[0], left[1]), (own[0], own[1]), self.shared / times, self.counts, rows)

    def with_seeds(self, count: int) -> Spread:
        """What it would be with so many seeds of each recipe that has several."""
        scale = [n / count if n > 1 else 1.0 for n in self.counts]
        seeds = tuple(s * k for s, k in zip(self.seeds, scale, strict=True))
        own = tuple(o * k for o, k in zip(self.own, scale, strict=True))
        counts = tuple(count if n > 1 else 1 for n in self.counts)
        return Spread((seeds[0], seeds[1]), (own[0], own[1]), self.shared,
                      (counts[0], counts[1]), self.rows)  # fmt: skip

    def reach(self, level: float) -> float:
        """Half of the interval's width."""
        from scipy.stats import t as student

        return float(student.ppf((1 + level) / 2, self.degrees)) * math.sqrt(self.variance)


def contrast(
    first: np.ndarray, second: np.ndarray, covariance: np.ndarray, rows: int, level: float = 0.95
) -> Contrast:
    """first, second: a figure for each seed; covariance: of all of these over resampled rows.

    One run stands for itself, not for what another seed would give: its seed adds nothing.
    """
    value = float(second.mean() - first.mean())
    spread = spread_of(first, second, covariance, rows)
    if not spread.variance > 1e-18:
        unknown = 0.0 if value == 0 else math.nan
        return Contrast(value, value + unknown, value + unknown, 1.0 if value == 0 else math.nan)
    from scipy.stats import t as student

    reach = spread.reach(level)
    chance = 2 * float(student.sf(abs(value) / math.sqrt(spread.variance), spread.degrees))
    open_ = abs(value) <= reach
    return Contrast(
        value,
        value - reach,
        value + reach,
        chance,
        _rows_needed(abs(value), spread, level) if open_ else None,
        _seeds_needed(abs(value), spread, level) if open_ else None,
    )


def spread_of(first: np.ndarray, second: np.ndarray, covariance: np.ndarray, rows: int) -> Spread:
    """Where the variance of mean(second) - mean(first) comes from."""
    cut = len(first)
    between = float(covariance[:cut, cut:].mean())
    seeds, own, shared = [], [], -2 * between
    for scores, block in ((first, covariance[:cut, :cut]), (second, covariance[cut:, cut:])):
        count = len(scores)
        alike = float(block.sum() - np.trace(block)) / (count * (count - 1)) if count > 1 else 0.0
        if count == 1:
            alike = float(block[0, 0])
        apart = max(float(np.trace(block)) / count - alike, 0.0)
        # No seed can vary less than its own rows make it: three seeds may agree by luck.
        varies = max(float(scores.var(ddof=1)), apart) if count > 1 else 0.0
        seeds.append(varies / count)
        own.append(apart / count if count > 1 else 0.0)
        shared += alike
    return Spread((seeds[0], seeds[1]), (own[0], own[1]), max(shared, 0.0),
                  (cut, len(second)), rows)  # fmt: skip


def _rows_needed(gap: float, spread: Spread, level: float) -> int | None:
    """How many rows in all would tell, seeds being what they are; None when out of reach."""
    if not gap or spread.with_rows(MOST).reach(level) >= gap:
        return None
    low, high = 1.0, float(MOST)
    for _ in range(30):
        middle = math.sqrt(low * high)
        enough = spread.with_rows(middle).reach(level) < gap
        low, high = (low, middle) if enough else (middle, high)
    step = 10 ** max(1, math.floor(math.log10(spread.rows * high)) - 1)
    return int(math.ceil(spread.rows * high / step) * step)


def _seeds_needed(gap: float, spread: Spread, level: float) -> int | None:
    """How many seeds of each recipe would tell on these rows; None when out of reach."""
    if not gap or max(spread.counts) < 2:
        return None
    for count in range(max(spread.counts) + 1, MOST_SEEDS + 1):
        if spread.with_seeds(count).reach(level) < gap:
            return count
    return None
