"""Intervals: how far a figure could be off because the rows are only a sample.

Which method stands where was chosen by simulation (benchmarks/intervals.py): the plain percentiles
of a bootstrap cover too seldom on some hundred rows.
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
LEAST_DEFINED = 0.5  # share of the resamples that must have a value
FEWEST_DEGREES = 3.0  # of freedom, however heavy the tails

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)


def bootstrap(
    judged: Answers,
    metrics: Mapping[str, Metric],
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """The interval of each metric.

    A share of rows gets Wilson's interval (1927); a correlation one on Fisher's scale, with the
    spread of resampled rows and Student's quantiles; any other the BCa bootstrap (Efron, 1987).

    Resamples without a value (nan) are dropped; when more than half are, or there are fewer than
    five rows, the interval is (nan, nan). So it is for a metric at the end of its range that is the
    same in every resample: the rows cannot tell how far off it is.
    """
    intervals = {}
    for name, metric in metrics.items():
        rows = len(judged.targets)
        if metric.proportion(type(judged)):
            intervals[name] = wilson(metric.value(judged), rows, level)
        elif rows < LEAST_ROWS:
            intervals[name] = UNKNOWN
        else:
            intervals[name] = _resampled(judged, metric, samples, seed, level)
    return intervals


def difference(
    judged: Answers,
    other: Answers,
    metrics: Mapping[str, Metric],
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, tuple[float, float, float]]:
    """How much better one set of answers is than another to the same rows: value, low, high.

    Positive is better, whatever the metric. Both are taken on the same resamples (a paired
    bootstrap): rows that are hard for both do not widen the interval. Answers that differ in
    every row the same way would get no width; a share of rows then gets Newcombe's interval
    (1998, method 10, as if unpaired), other metrics (nan, nan).
    """
    rows = len(judged.targets)
    found = {}
    for name, metric in metrics.items():
        sign = 1.0 if metric.higher_is_better else -1.0
        points = metric.value(judged), metric.value(other)
        value = sign * (points[0] - points[1])
        both = patterns_of([judged, other], by_scores=metric.of_scores)
        drawn = both.drawn(metric.values, samples, seed)
        gaps = sign * (drawn[:, 0] - drawn[:, 1])
        low, high = UNKNOWN
        if rows >= LEAST_ROWS and _enough(gaps):
            low, high = _quantiles(gaps, [(1 - level) / 2, (1 + level) / 2])
        if value != 0 and high - low < 1e-9:
            low, high = UNKNOWN
            if metric.proportion(type(judged)):
                low, high = _newcombe(*points, rows, level)
        found[name] = (value, low, high)
    return found


def wilson(share: float, rows: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share of rows; it has width even at 0 and 1.

    >>> [round(end, 3) for end in wilson(1.0, 100)]
    [0.963, 1.0]
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = share + z**2 / (2 * rows)
    half = z * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    low, high = (middle - half) / scale, (middle + half) / scale
    return (low if share > 0 else 0.0), (high if share < 1 else 1.0)  # but for rounding


def _resampled(judged: Answers, metric: Metric, samples: int, seed: int, level: float) -> Interval:
    one = patterns_of([judged], by_scores=metric.of_scores)
    point = float(one.points(metric.values)[0])
    drawn = one.drawn(metric.values, samples, seed)[:, 0]
    if not _enough(drawn) or math.isnan(point):
        return UNKNOWN
    if np.nanmax(drawn) - np.nanmin(drawn) < 1e-9:
        return UNKNOWN if _at_end(metric, point) else (point, point)
    influence, kurtosis = _influence(one, metric, seed)
    if metric.correlates:
        return _on_fishers_scale(point, drawn, len(judged.targets), kurtosis, level)
    return _bca(point, drawn, influence, level)


def _influence(one: Patterns, metric: Metric, seed: int) -> tuple[np.ndarray, float]:
    """How far each group of rows pulls the metric, and the kurtosis of single rows' pull."""
    without, rows = one.left_out(metric.values, seed)
    pull = np.nanmean(without) - without[:, 0]
    pull = pull[~np.isnan(pull)]
    square = float((pull**2).mean())
    if not square:
        return pull, 3.0
    # Groups of rows are nearer to normal than single rows are, by the number of rows in one.
    return pull, 3.0 + rows * (float((pull**4).mean()) / square**2 - 3.0)


def _bca(point: float, drawn: np.ndarray, pull: np.ndarray, level: float) -> Interval:
    """Percentiles, moved for bias (how many resamples lie below) and for skewness."""
    normal, drawn = NormalDist(), drawn[~np.isnan(drawn)]
    below = float((drawn < point).mean() + (drawn == point).mean() / 2)
    bias = normal.inv_cdf(min(max(below, 1 / len(drawn)), 1 - 1 / len(drawn)))
    spread = float((pull**2).sum()) ** 1.5
    skew = float((pull**3).sum()) / (6 * spread) if spread else 0.0
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        z = bias + normal.inv_cdf(share)
        ends.append(normal.cdf(bias + z / max(1 - skew * z, 0.1)))
    return _quantiles(drawn, ends)


def _on_fishers_scale(
    point: float, drawn: np.ndarray, rows: int, kurtosis: float, level: float
) -> Interval:
    """tanh(atanh(r) +- t s): there correlations are nearly normal, with the spread s.

    The heavier the tails of what single rows contribute, the fewer degrees of freedom s has
    (2 n / (kurtosis - 1), what Satterthwaite's formula says).
    """
    from scipy.stats import t as student

    inside = np.clip(drawn[~np.isnan(drawn)], -1 + 1e-9, 1 - 1e-9)
    spread = float(np.arctanh(inside).std(ddof=1))
    degrees = max(FEWEST_DEGREES, 2 * rows / max(kurtosis - 1, 1e-9))
    reach = float(student.ppf((1 + level) / 2, degrees)) * spread
    middle = math.atanh(min(max(point, -1 + 1e-9), 1 - 1e-9))
    return math.tanh(middle - reach), math.tanh(middle + reach)


def _newcombe(first: float, second: float, rows: int, level: float) -> Interval:
    (low_1, high_1), (low_2, high_2) = wilson(first, rows, level), wilson(second, rows, level)
    gap = first - second
    return (
        gap - math.hypot(first - low_1, high_2 - second),
        gap + math.hypot(high_1 - first, second - low_2),
    )


def _enough(values: np.ndarray) -> bool:
    """Whether enough of the resamples have a value."""
    defined = int((~np.isnan(values)).sum())
    return defined > 0 and defined >= LEAST_DEFINED * len(values)


def _quantiles(values: np.ndarray, shares: list[float]) -> Interval:
    low, high = np.quantile(values[~np.isnan(values)], shares)
    return float(low), float(high)


def _at_end(metric: Metric, value: float) -> bool:
    return any(abs(value - end) < 1e-9 for end in metric.bounds)
