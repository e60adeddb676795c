"""Significance tests for two recipes: Welch's t over seeds and rows, and McNemar's exact test.

Welch's t: a score differs from its expectation for three reasons: the seed, the sample of rows
(which both recipes share), and their interaction (each seed gets other rows wrong). With s seeds a
recipe, the difference of the means has the variance

    a + b + c,  a = var(first) / s_1,  b = var(second) / s_2,  c = variance due to the rows alone

a and b are estimated from seed to seed and contain the interaction already, since every seed was
evaluated on these rows. So c may only contain what the seeds of a recipe have in common, or the
interaction is counted twice. A bootstrap over three seeds would be far too narrow (it
underestimates a by a third and has no degrees of freedom); Student's t with the degrees of freedom
of Welch (1947) and Satterthwaite (1946) has the right coverage from 3 seeds on:
benchmarks/recipes.py simulates it.

Where seed i of both recipes had the same rows to learn from and the same order of them (paired
seeds), what is common to both cancels, and a + b becomes var(second - first) / s with s - 1 degrees
of freedom. It says nothing of other training rows than those that the seeds drew from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from weitiao.tasks.answers.base import Answers

MOST_ROWS_FACTOR = 50  # times the rows at hand; nobody will label more
MOST_SEEDS = 50
NO_VARIANCE = 1e-18  # of the difference; below, it is rounding error


@dataclass(frozen=True)
class Contrast:
    """The difference (second minus first) with its confidence interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p_value: float
    rows_needed: int | None = None  # in all, for the interval to leave 0, if the gap stays
    seeds_needed: int | None = None  # of each recipe, the same

    @property
    def sign(self) -> int:
        """1: the second is significantly higher, -1: lower, 0: neither."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


@dataclass(frozen=True)
class VarianceComponents:
    """Variance components of the difference of means, each already divided by its seeds."""

    seeds: tuple[float, float]  # a and b above
    own: tuple[float, float]  # the part of a and b that is interaction of seed and rows
    shared: float  # c above
    counts: tuple[int, int]
    rows: int

    @property
    def variance(self) -> float:
        return sum(self.seeds) + self.shared

    @property
    def degrees(self) -> float:
        """Degrees of freedom of Welch and Satterthwaite: (sum v_i)^2 / sum(v_i^2 / df_i)."""
        terms = [(x, n - 1) for x, n in zip(self.seeds, self.counts, strict=True) if n > 1]
        denominator = sum(x**2 / n for x, n in [*terms, (self.shared, self.rows - 1)])
        return self.variance**2 / denominator if denominator else float(self.rows - 1)

    def with_rows(self, times: float) -> VarianceComponents:
        """The components expected on `times` as many rows: terms of rows shrink by 1 / rows."""
        seeds_left = tuple(s - o + o / times for s, o in zip(self.seeds, self.own, strict=True))
        own = tuple(o / times for o in self.own)
        rows = round(self.rows * times)
        return VarianceComponents(
            (seeds_left[0], seeds_left[1]), (own[0], own[1]), self.shared / times, self.counts, rows
        )

    def with_seeds(self, count: int) -> VarianceComponents:
        """The components expected with `count` seeds of each recipe that has more than one."""
        scale = [n / count if n > 1 else 1.0 for n in self.counts]
        seeds = tuple(s * k for s, k in zip(self.seeds, scale, strict=True))
        own = tuple(o * k for o, k in zip(self.own, scale, strict=True))
        counts = tuple(count if n > 1 else 1 for n in self.counts)
        return VarianceComponents(
            (seeds[0], seeds[1]), (own[0], own[1]), self.shared, (counts[0], counts[1]), self.rows
        )

    def half_width(self, level: float) -> float:
        """Half the width of the confidence interval: t quantile times standard error."""
        from scipy.stats import t as student

        return float(student.ppf((1 + level) / 2, self.degrees)) * math.sqrt(self.variance)


def contrast(
    first: np.ndarray,
    second: np.ndarray,
    covariance: np.ndarray,
    rows: int,
    level: float = 0.95,
    *,
    paired: bool = False,
) -> Contrast:
    """Welch's t interval and p-value of mean(second) - mean(first); paired: Student's of pairs.

    first, second: the metric of each seed; covariance: of all of these over resampled rows. A
    recipe of one run stands for that run, not for what another seed would give: its seed adds no
    variance.
    """
    value = float(second.mean() - first.mean())
    components = paired_components if paired else variance_components
    variances = components(first, second, covariance, rows)
    if not variances.variance > NO_VARIANCE:
        offset = 0.0 if value == 0 else math.nan
        return Contrast(value, value + offset, value + offset, 1.0 if value == 0 else math.nan)
    from scipy.stats import t as student

    half_width = variances.half_width(level)
    p_value = 2 * float(student.sf(abs(value) / math.sqrt(variances.variance), variances.degrees))
    undecided = abs(value) <= half_width
    return Contrast(
        value,
        value - half_width,
        value + half_width,
        p_value,
        _rows_needed(abs(value), variances, level) if undecided else None,
        _seeds_needed(abs(value), variances, level) if undecided else None,
    )


def variance_components(
    first: np.ndarray, second: np.ndarray, covariance: np.ndarray, rows: int
) -> VarianceComponents:
    """The components of the variance of mean(second) - mean(first)."""
    cut = len(first)
    between_covariance = float(covariance[:cut, cut:].mean())
    # Var(X - Y) = Var(X) + Var(Y) - 2 Cov(X, Y): rows that are hard for both recipes cancel.
    seeds, own, shared = [], [], -2 * between_covariance
    for scores, block in ((first, covariance[:cut, :cut]), (second, covariance[cut:, cut:])):
        count = len(scores)
        within_covariance = (
            float(block.sum() - np.trace(block)) / (count * (count - 1)) if count > 1 else 0.0
        )
        if count == 1:
            within_covariance = float(block[0, 0])
        own_variance = max(float(np.trace(block)) / count - within_covariance, 0.0)
        # The interaction alone is a lower bound of the variance over seeds: three seeds may agree
        # by luck.
        seed_variance = max(float(scores.var(ddof=1)), own_variance) if count > 1 else 0.0
        seeds.append(seed_variance / count)
        own.append(own_variance / count if count > 1 else 0.0)
        shared += within_covariance
    return VarianceComponents(
        (seeds[0], seeds[1]), (own[0], own[1]), max(shared, 0.0), (cut, len(second)), rows
    )


def paired_components(
    first: np.ndarray, second: np.ndarray, covariance: np.ndarray, rows: int
) -> VarianceComponents:
    """The components where seed i of both is a pair: of the differences, one for each seed."""
    count = len(first)
    if count == 1:
        return variance_components(first, second, covariance, rows)
    across = covariance[:count, count:]
    block = covariance[:count, :count] + covariance[count:, count:] - across - across.T
    common = float(block.sum() - np.trace(block)) / (count * (count - 1))
    own = max(float(np.trace(block)) / count - common, 0.0)
    seed = max(float((second - first).var(ddof=1)), own)
    return VarianceComponents(
        (seed / count, 0.0), (own / count, 0.0), max(common, 0.0), (count, 1), rows
    )


def _rows_needed(difference: float, variances: VarianceComponents, level: float) -> int | None:
    """The rows needed for significance, with these seeds; None when out of reach."""
    if not difference or variances.with_rows(MOST_ROWS_FACTOR).half_width(level) >= difference:
        return None
    low, high = 1.0, float(MOST_ROWS_FACTOR)
    # Bisection on a logarithmic scale: the width falls about with the root of the rows.
    for _ in range(30):
        times = math.sqrt(low * high)
        enough = variances.with_rows(times).half_width(level) < difference
        low, high = (low, times) if enough else (times, high)
    step = 10 ** max(1, math.floor(math.log10(variances.rows * high)) - 1)
    return int(math.ceil(variances.rows * high / step) * step)


def _seeds_needed(difference: float, variances: VarianceComponents, level: float) -> int | None:
    """The seeds of each recipe needed for significance on these rows; None when out of reach."""
    if not difference or max(variances.counts) < 2:
        return None
    for count in range(max(variances.counts) + 1, MOST_SEEDS + 1):
        if variances.with_seeds(count).half_width(level) < difference:
            return count
    return None


EXACT_ROWS = 50  # discordant rows, up to which the binomial test replaces chi-square
LEVEL = 0.95  # confidence level


@dataclass(frozen=True)
class McNemar:
    """McNemar's contingency table and p-value (if both were equally good)."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float
    exact: bool

    @property
    def differ(self) -> int:
        """Discordant rows: only one of the two is right."""
        return self.only_first + self.only_second


def mcnemar(first: Answers, second: Answers) -> McNemar:
    """McNemar's test (1947) of two sets of answers to the same rows.

    Exact (binomial) with few discordant rows, else chi-square with one degree of freedom.
    """
    first_right, second_right = first.right(), second.right()
    counts = [
        int((first_right & second_right).sum()),
        int((first_right & ~second_right).sum()),
        int((~first_right & second_right).sum()),
    ]
    p_value, exact = _mcnemar_p_value(counts[1], counts[2])
    return McNemar(counts[0], counts[1], counts[2], len(first_right) - sum(counts), p_value, exact)


def _mcnemar_p_value(first: int, second: int) -> tuple[float, bool]:
    from scipy.stats import binom, chi2

    differ = first + second
    if differ == 0:
        return 1.0, True
    if differ <= EXACT_ROWS:
        return min(1.0, 2 * float(binom.cdf(min(first, second), differ, 0.5))), True
    return float(chi2.sf((first - second) ** 2 / differ, 1)), False


def mcnemar_rows(test: McNemar, level: float = LEVEL) -> int | None:
    """Sample size: how many rows in all make the test significant, if their split stays what it is.

    None when it is even, or when that is out of reach.
    """
    differ = test.differ
    if test.only_first == test.only_second:
        return None
    rows = differ + test.both + test.neither
    # The p-value jumps up and down with whole rows: the first size that is significant.
    for size in range(differ + 1, MOST_ROWS_FACTOR * differ + 1):
        first = round(size * test.only_first / differ)
        if _mcnemar_p_value(first, size - first)[0] < 1 - level:
            needed = rows * size / differ
            step = 10 ** max(1, math.floor(math.log10(needed)) - 1)
            return int(math.ceil(needed / step) * step)
    return None


def exact_interval(test: McNemar, level: float = LEVEL) -> tuple[float, float]:
    """The interval of the difference of accuracies (second minus first) by the exact test.

    Clopper and Pearson's interval (1934) of the proportion of discordant rows that the second wins,
    mapped from [0, 1] to the difference: it contains 0 exactly where the test is not significant.
    """
    from scipy.stats import beta

    differ = test.differ
    rows = differ + test.both + test.neither
    if not differ:
        return 0.0, 0.0
    tail, second_wins = (1 - level) / 2, test.only_second
    low = float(beta.ppf(tail, second_wins, differ - second_wins + 1)) if second_wins else 0.0
    high = (
        float(beta.ppf(1 - tail, second_wins + 1, differ - second_wins))
        if second_wins < differ
        else 1.0
    )
    if math.isnan(low + high):
        return 0.0, 0.0
    return (2 * low - 1) * differ / rows, (2 * high - 1) * differ / rows
