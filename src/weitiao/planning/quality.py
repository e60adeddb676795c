"""Predicted score: a linear model's learning curve, times the usual gain of so many updates."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weitiao.planfile.expectation import LEVEL, Estimate, QualityEstimate
from weitiao.planning.phase_cost import Z

LEAST_ERROR = 0.002  # whose logarithm still says something of a few hundred rows
STEEPEST = 1.0  # exponent of a power law: errors fall at most as fast as rows grow
ENOUGH_UPDATES = 150  # more of them change nothing in the usual gain
# Standard deviation of a normal kernel over logarithms of updates. Of 72 runs, predicted from those
# of other sets, with 0.3 to 0.7: 57 or 58 in the 80 % interval, interval scores 29.7 to 30.2.
WIDTH = 0.4
FEWEST_SETS = 3.0  # as many count, about: with fewer of as many updates, the kernel is widened
WIDER, WIDEST = 1.25, 8.0


@dataclass(frozen=True)
class Gain:
    """What fine-tuning has gained: the logarithm of its error over that of a linear model.

    set: of which rows; a set counts once, however many of its runs are known. updates: of the
    training.
    """

    set: str
    updates: float
    value: float


@dataclass(frozen=True, eq=False)
class Curve:
    """Errors of a linear model by the rows it has learned from.

    rows: (sizes,), rising; errors: (resamples, sizes), 1 less the metric, of the bootstrap.
    """

    rows: np.ndarray
    errors: np.ndarray

    @property
    def points(self) -> list[tuple[int, float]]:
        """(rows, score), the mean over resamples."""
        scores = 1 - self.errors.mean(0)
        return [(int(n), round(float(s), 4)) for n, s in zip(self.rows, scores, strict=True)]

    def exponents(self) -> np.ndarray:
        """(resamples,) c of error = b * rows ** -c (Hestness et al. 2017), by least squares of the
        logarithms, within [0, STEEPEST]; 0 where there is one size alone."""
        if len(self.rows) < 2:
            return np.zeros(len(self.errors))
        x = np.log(self.rows)
        x = x - x.mean()
        y = np.log(np.maximum(self.errors, LEAST_ERROR))
        return np.clip(-(y * x).sum(1) / (x * x).sum(), 0.0, STEEPEST)


def predicted(
    metric: str, curve: Curve, rows: int, gains: Sequence[Gain], updates: float
) -> QualityEstimate:
    """The score of a model that is fine-tuned on `rows` rows, on new rows of any number.

    In logarithms of errors: that of the linear model at `rows`, plus the gain of as many updates.
    """
    exponents = curve.exponents()
    grown = -exponents * math.log(rows / float(curve.rows[-1]))
    linear = np.log(np.maximum(curve.errors[:, -1], LEAST_ERROR)) + grown
    low, gain, high = usual_gain(gains, updates)
    middle, half = float(linear.mean()) + gain, Z * float(linear.std())
    ends = (middle, middle + math.hypot(high - gain, half), middle - math.hypot(gain - low, half))
    score = Estimate(*(1 - math.exp(min(end, math.log(2))) for end in ends))
    # Twice the rows: the error falls to 2 ** -c of what it is.
    fall = 1 - 2.0**-exponents
    error = 1 - score.value
    low, high = np.quantile(fall, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    doubled = Estimate(error * float(fall.mean()), error * float(low), error * float(high))
    return QualityEstimate(
        metric=metric,
        score=score.rounded(4),
        linear=round(float(1 - curve.errors[:, -1].mean()), 4),
        rows=rows,
        doubled=doubled.rounded(4),
        curve=curve.points,
    )


def usual_gain(gains: Sequence[Gain], updates: float) -> tuple[float, float, float]:
    """The lower end of an 80 % interval, the mean and the upper end of the gain of so many updates,
    from runs of as many: weighted by a normal kernel over the logarithm of updates. Where hardly
    any run had as many, it is wider: one run alone would say how far nobody's gains scatter."""
    wanted = math.log(min(max(updates, 1.0), ENOUGH_UPDATES))
    width = WIDTH
    gain, weight, sets = _weighted(gains, wanted, width)
    while sets < min(FEWEST_SETS, len({one.set for one in gains}) / 2) and width < WIDEST:
        width *= WIDER
        gain, weight, sets = _weighted(gains, wanted, width)
    passed = (np.cumsum(weight) - weight / 2) / weight.sum()
    low, high = np.interp([(1 - LEVEL) / 2, (1 + LEVEL) / 2], passed, gain)
    mean = float(np.average(gain, weights=weight))
    return min(float(low), mean), mean, max(float(high), mean)


def _weighted(
    gains: Sequence[Gain], wanted: float, width: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Gains in rising order, their weights at the logarithm of updates that is wanted, and how many
    sets these come to: as many as would give the same scatter of a mean, if all weighed alike."""
    by_set: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in gains:
        away = (math.log(min(one.updates, ENOUGH_UPDATES)) - wanted) / width
        by_set[one.set].append((math.exp(-0.5 * away * away), one.value))
    values, weights, whole_sets = [], [], []
    for known in by_set.values():
        # A set weighs as much as its nearest run, and divides that among its runs.
        nearest, whole = max(w for w, _v in known), sum(w for w, _v in known)
        whole_sets.append(max(nearest, 1e-12))  # far from all that is known, all count alike
        values += [value for _w, value in known]
        weights += [nearest * w / max(whole, 1e-300) for w, _v in known]
    order = np.argsort(values)
    gain, weight = np.array(values)[order], np.array(weights)[order]
    of_sets = np.array(whole_sets)
    sets = float(of_sets.sum() ** 2 / (of_sets**2).sum())
    return gain, np.maximum(weight, 1e-12), sets
