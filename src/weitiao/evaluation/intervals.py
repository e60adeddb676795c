"""Confidence intervals of metrics: Wilson's score, Fisher's z, BCa bootstrap, paired bootstrap.

The method for each kind of metric was chosen by simulation (benchmarks/intervals.py): plain
bootstrap percentile intervals have too low a coverage on a few hundred rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from weitiao.evaluation.metrics.base import Metric
from weitiao.evaluation.resampling import Patterns, patterns_of
from weitiao.tasks.answers.base import Answers

LEAST_ROWS = 5  # below this, resamples repeat the same few rows and the interval means nothing
LEAST_DEFINED = 0.5  # proportion of the resamples that must have a value
FEWEST_DEGREES = 3.0  # of freedom, however heavy the tails
CONSTANT = 1e-9  # a range of resampled values below this part of them is rounding error

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)


def bootstrap(
    answers: Answers,
    metrics: Mapping[str, Metric],
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """The confidence interval of each metric.

    A proportion gets Wilson's score interval (1927); a correlation an interval of Fisher's z, with
    the bootstrap's standard error and Student's quantiles; any other the BCa bootstrap
    (Efron, 1987).

    Resamples without a value (nan) are dropped; when more than half are, or there are fewer than
    five rows, the interval is (nan, nan). So it is for a metric at the end of its range that is the
    same in every resample: the rows contain no information about its error.
    """
    intervals = {}
    for name, metric in metrics.items():
        rows = len(answers.targets)
        if metric.proportion(type(answers)):
            intervals[name] = wilson(metric.value(answers), rows, level)
        elif rows < LEAST_ROWS:
            intervals[name] = UNKNOWN
        else:
            intervals[name] = _resampled(answers, metric, samples, seed, level)
    return intervals


def difference(
    answers: Answers,
    other: Answers,
    metrics: Mapping[str, Metric],
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, tuple[float, float, float]]:
    """Paired bootstrap percentile interval of the difference of two sets of answers: value, low,
    high.

    Positive is better, whatever the metric. Both are computed on the same resamples, so that rows
    which are hard for both do not widen the interval. Where every resample has the same
    difference, the interval would have no width: a proportion then gets Newcombe's interval (1998,
    method 10, as if unpaired), other metrics (nan, nan).
    """
    rows = len(answers.targets)
    differences = {}
    for name, metric in metrics.items():
        sign = 1.0 if metric.higher_is_better else -1.0
        points = metric.value(answers), metric.value(other)
        value = sign * (points[0] - points[1])
        patterns = patterns_of([answers, other], by_scores=metric.of_scores)
        drawn = patterns.drawn(metric.values, samples, seed)
        deltas = sign * (drawn[:, 0] - drawn[:, 1])
        low, high = UNKNOWN
        if rows >= LEAST_ROWS and _enough_defined(deltas):
            low, high = _quantiles(deltas, [(1 - level) / 2, (1 + level) / 2])
        if value != 0 and high - low < CONSTANT:
            low, high = UNKNOWN
            if metric.proportion(type(answers)):
                low, high = _newcombe(*points, rows, level)
        differences[name] = (value, low, high)
    return differences


def wilson(proportion: float, rows: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion; it has width even at 0 and 1.

    >>> [round(end, 3) for end in wilson(1.0, 100)]
    [0.963, 1.0]
    """
    # (p + z^2/2n +- z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n)
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = proportion + z**2 / (2 * rows)
    half = z * math.sqrt(proportion * (1 - proportion) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    low, high = (centre - half) / scale, (centre + half) / scale
    return (low if proportion > 0 else 0.0), (high if proportion < 1 else 1.0)  # exact at the ends


def _resampled(answers: Answers, metric: Metric, samples: int, seed: int, level: float) -> Interval:
    patterns = patterns_of([answers], by_scores=metric.of_scores)
    point = float(patterns.points(metric.values)[0])
    drawn = patterns.drawn(metric.values, samples, seed)[:, 0]
    if not _enough_defined(drawn) or math.isnan(point):
        return UNKNOWN
    defined = drawn[~np.isnan(drawn)]
    if np.ptp(defined) <= CONSTANT * min(1.0, np.abs(defined).max()):
        return UNKNOWN if _at_end(metric, point) else (point, point)
    influence, kurtosis = _influence(patterns, metric, seed)
    if metric.correlates:
        return _fisher_z(point, drawn, len(answers.targets), kurtosis, level)
    return _bca(point, drawn, influence, level)


def _influence(patterns: Patterns, metric: Metric, seed: int) -> tuple[np.ndarray, float]:
    """Jackknife influence values of groups of rows, and the kurtosis of that of single rows."""
    without, rows = patterns.left_out(metric.values, seed)
    influence = np.nanmean(without) - without[:, 0]
    influence = influence[~np.isnan(influence)]
    square = float((influence**2).mean())
    if not square:
        return influence, 3.0
    # The excess kurtosis of a sum of n independent values is 1/n of theirs: undone here, to get
    # from groups of rows to single rows.
    return influence, 3.0 + rows * (float((influence**4).mean()) / square**2 - 3.0)


def _bca(point: float, drawn: np.ndarray, influence: np.ndarray, level: float) -> Interval:
    """The BCa interval: percentiles corrected for bias (z0) and acceleration (a) (Efron, 1987)."""
    normal, drawn = NormalDist(), drawn[~np.isnan(drawn)]
    below = float((drawn < point).mean() + (drawn == point).mean() / 2)
    # z0 = Phi^-1(proportion of resamples below the estimate); ties count half.
    bias = normal.inv_cdf(min(max(below, 1 / len(drawn)), 1 - 1 / len(drawn)))
    # a = sum(U^3) / (6 sum(U^2)^1.5) of the influence values U.
    cubed = float((influence**2).sum()) ** 1.5
    skew = float((influence**3).sum()) / (6 * cubed) if cubed else 0.0
    ends = []
    for quantile in ((1 - level) / 2, (1 + level) / 2):
        z = bias + normal.inv_cdf(quantile)
        # The denominator nears 0 with few, skewed rows; without the bound the ends would swap.
        ends.append(normal.cdf(bias + z / max(1 - skew * z, 0.1)))
    return _quantiles(drawn, ends)


def _fisher_z(
    point: float, drawn: np.ndarray, rows: int, kurtosis: float, level: float
) -> Interval:
    """Fisher's z interval of a correlation: tanh(atanh(r) +- t s), s the bootstrap's std of z.

    z is nearly normal (Fisher, 1915). The heavier the tails of the influence of single rows, the
    fewer degrees of freedom s has: 2 n / (kurtosis - 1), by Satterthwaite's formula.
    """
    from scipy.stats import t as student

    inside = np.clip(drawn[~np.isnan(drawn)], -1 + 1e-9, 1 - 1e-9)
    std = float(np.arctanh(inside).std(ddof=1))
    degrees = max(FEWEST_DEGREES, 2 * rows / max(kurtosis - 1, 1e-9))
    half_width = float(student.ppf((1 + level) / 2, degrees)) * std
    centre = math.atanh(min(max(point, -1 + 1e-9), 1 - 1e-9))
    return math.tanh(centre - half_width), math.tanh(centre + half_width)


def _newcombe(first: float, second: float, rows: int, level: float) -> Interval:
    """Newcombe's interval (1998, method 10) of a difference of proportions, from two of Wilson."""
    (low_1, high_1), (low_2, high_2) = wilson(first, rows, level), wilson(second, rows, level)
    value = first - second
    return (
        value - math.hypot(first - low_1, high_2 - second),
        value + math.hypot(high_1 - first, second - low_2),
    )


def _enough_defined(values: np.ndarray) -> bool:
    """Whether enough of the resamples have a value (precision without predictions has none)."""
    defined = int((~np.isnan(values)).sum())
    return defined > 0 and defined >= LEAST_DEFINED * len(values)


def _quantiles(values: np.ndarray, levels: list[float]) -> Interval:
    low, high = np.quantile(values[~np.isnan(values)], levels)
    return float(low), float(high)


def _at_end(metric: Metric, value: float) -> bool:
    return any(math.isclose(value, end, rel_tol=1e-9, abs_tol=1e-15) for end in metric.bounds)
