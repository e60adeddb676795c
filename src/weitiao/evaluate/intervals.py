"""Intervals: how far a figure could be off because the rows are only a sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist

import numpy as np

from weitiao.evaluate.metrics.base import Metric
from weitiao.tasks.base import Judged

LEAST_ROWS = 5  # below this, resamples repeat the same few rows and the interval means nothing
LEAST_DEFINED = 0.5  # share of the resamples that must have a value
CELLS = 2**21  # numbers in one array of resamples: 16 MB, whatever the number of rows

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)


def bootstrap(
    judged: Judged,
    metrics: Mapping[str, Metric],
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """The interval of each metric: percentiles over resampled rows (Efron, 1979).

    All metrics are taken on the same resamples. Resamples without a value (nan) are dropped; when
    more than half are, or there are fewer than five rows, the interval is (nan, nan).

    A metric at the end of its range (everything right, or nothing) is the same in every resample,
    and an interval of no width would claim certainty. A share of rows then gets Wilson's interval
    (Wilson, 1927); for other metrics the rows cannot tell how far off they are: (nan, nan).
    """
    found = resampled(judged, metrics, samples, seed)
    rows = len(judged.targets)
    intervals = {}
    for name, metric in metrics.items():
        point = metric.value(judged)
        if metric.proportion(judged.kind) and (rows < LEAST_ROWS or _at_end(metric, point)):
            intervals[name] = wilson(point, rows, level)
        elif rows < LEAST_ROWS:
            intervals[name] = UNKNOWN
        else:
            intervals[name] = _percentiles(metric, found[name], level)
    return intervals


def difference(
    judged: Judged,
    other: Judged,
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
    first, second = (resampled(one, metrics, samples, seed) for one in (judged, other))
    found = {}
    for name, metric in metrics.items():
        sign = 1.0 if metric.higher_is_better else -1.0
        points = metric.value(judged), metric.value(other)
        value = sign * (points[0] - points[1])
        gaps = sign * (first[name] - second[name])
        defined = gaps[~np.isnan(gaps)]
        low, high = UNKNOWN
        if rows >= LEAST_ROWS and len(defined) and len(defined) >= LEAST_DEFINED * len(gaps):
            low, high = (float(x) for x in np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]))
        if value != 0 and high - low < 1e-9:
            low, high = UNKNOWN
            if metric.proportion(judged.kind):
                low, high = _newcombe(*points, rows, level)
        found[name] = (value, low, high)
    return found


def _newcombe(first: float, second: float, rows: int, level: float) -> Interval:
    (low_1, high_1), (low_2, high_2) = wilson(first, rows, level), wilson(second, rows, level)
    gap = first - second
    return (
        gap - math.hypot(first - low_1, high_2 - second),
        gap + math.hypot(high_1 - first, second - low_2),
    )


def resampled(
    judged: Judged, metrics: Mapping[str, Metric], samples: int, seed: int
) -> dict[str, np.ndarray]:
    """Every metric on every resample of the rows, (samples,) each."""
    found: dict[str, list[np.ndarray]] = {name: [np.zeros(0)] for name in metrics}
    for weights in _weights(len(judged.targets), samples, seed):
        for name, metric in metrics.items():
            found[name].append(metric.values(judged, weights))
    return {name: np.concatenate(values) for name, values in found.items()}


def wilson(share: float, rows: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share of rows; it has width even at 0 and 1.

    >>> [round(end, 3) for end in wilson(1.0, 100)]
    [0.963, 1.0]
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = share + z**2 / (2 * rows)
    half = z * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def _weights(rows: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each row was drawn, (some samples, rows), until there are `samples`."""
    generator = np.random.default_rng(seed)
    size = max(1, CELLS // rows)
    for start in range(0, samples, size):
        count = min(size, samples - start)
        # Drawing rows and counting them is the multinomial, far faster than drawing the counts.
        drawn = generator.integers(0, rows, (count, rows))
        drawn += np.arange(count)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows).astype(float)


def _percentiles(metric: Metric, values: np.ndarray, level: float) -> Interval:
    defined = values[~np.isnan(values)]
    if len(defined) == 0 or len(defined) < LEAST_DEFINED * len(values):
        return UNKNOWN
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    if high - low < 1e-9 and _at_end(metric, float(low)):
        return UNKNOWN
    return float(low), float(high)


def _at_end(metric: Metric, value: float) -> bool:
    return any(abs(value - end) < 1e-9 for end in metric.bounds)
