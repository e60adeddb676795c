"""McNemar's test: whether rows that only one of two models gets right are evenly split."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weitiao.tasks.answers.base import Answers

EXACT = 50  # rows that differ, up to which the binomial itself is asked
LEVEL = 0.95
MAX_ROWS_FACTOR = 50  # more rows than so many times those there are: out of reach


@dataclass(frozen=True)
class McNemar:
    """Rows by who is right. `chance`: of a split as uneven, if both were equally good."""

    both: int
    only_first: int
    only_second: int
    neither: int
    chance: float
    exact: bool

    @property
    def differ(self) -> int:
        """Rows that only one of the two gets right."""
        return self.only_first + self.only_second


def mcnemar(first: Answers, second: Answers) -> McNemar:
    """The test for two sets of answers to the same rows (McNemar, 1947).

    Exact (binomial) where few rows differ, else chi-square with one degree of freedom.
    """
    one, other = first.right(), second.right()
    counts = [int((one & other).sum()), int((one & ~other).sum()), int((~one & other).sum())]
    chance, exact = _chance(counts[1], counts[2])
    return McNemar(counts[0], counts[1], counts[2], len(one) - sum(counts), chance, exact)


def _chance(first: int, second: int) -> tuple[float, bool]:
    from scipy.stats import binom, chi2

    differ = first + second
    if differ == 0:
        return 1.0, True
    if differ <= EXACT:
        return min(1.0, 2 * float(binom.cdf(min(first, second), differ, 0.5))), True
    return float(chi2.sf((first - second) ** 2 / differ, 1)), False


def rows_needed(test: McNemar, level: float = LEVEL) -> int | None:
    """Sample size: how many rows in all make the test significant, if their split stays what it is.

    None when it is even, or when that is more than MAX_ROWS_FACTOR times the rows there are.
    """
    differ = test.differ
    if test.only_first == test.only_second:
        return None
    rows = differ + test.both + test.neither
    # The p-value jumps up and down with whole rows: the first size that is significant.
    for size in range(differ + 1, MAX_ROWS_FACTOR * differ + 1):
        first = round(size * test.only_first / differ)
        if _chance(first, size - first)[0] < 1 - level:
            needed = rows * size / differ
            step = 10 ** max(1, math.floor(math.log10(needed)) - 1)
            return int(math.ceil(needed / step) * step)
    return None


def exact_interval(found: McNemar, level: float = LEVEL) -> tuple[float, float]:
    """The difference of the shares right (second less first), as the exact test sees it.

    Clopper and Pearson's interval of how the rows that differ are split, times how many differ: it
    holds 0 just when the exact test cannot tell.
    """
    from scipy.stats import beta

    differ = found.differ
    rows = differ + found.both + found.neither
    if not differ:
        return 0.0, 0.0
    tail, wins = (1 - level) / 2, found.only_second
    low = float(beta.ppf(tail, wins, differ - wins + 1)) if wins else 0.0
    high = float(beta.ppf(1 - tail, wins + 1, differ - wins)) if wins < differ else 1.0
    if math.isnan(low + high):
        return 0.0, 0.0
    return (2 * low - 1) * differ / rows, (2 * high - 1) * differ / rows
