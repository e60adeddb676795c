"""Predicted score: a linear model's learning curve, times the usual gain of fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weitiao.planfile.expectation import LEVEL, Estimate, QualityEstimate

LEAST_ERROR = 0.002  # whose logarithm still says something of a few hundred rows
STEEPEST = 1.0  # exponent of a power law: errors fall at most as fast as rows grow


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


def predicted(metric: str, curve: Curve, rows: int, gains: Sequence[float]) -> QualityEstimate:
    """The score of a model that is fine-tuned on `rows` rows, on new rows of any number.

    In logarithms of errors: that of the linear model at `rows`, plus the gain. gains: of earlier
    runs; a new one is drawn from a t distribution around their mean.
    """
    from scipy import stats

    exponents = curve.exponents()
    grown = -exponents * math.log(rows / float(curve.rows[-1]))
    linear = np.log(np.maximum(curve.errors[:, -1], LEAST_ERROR)) + grown
    gain, std, freedom = _moments(gains)
    middle = float(linear.mean()) + gain
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.hypot(float(linear.std()), std)
    score = Estimate(*(1 - math.exp(min(middle + side * half, math.log(2))) for side in (0, 1, -1)))
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


def _moments(gains: Sequence[float]) -> tuple[float, float, int]:
    """Mean, standard deviation of a new gain, degrees of freedom."""
    values = np.asarray(gains, float)
    count = len(values)
    std = float(values.std(ddof=1)) if count > 1 else 0.3
    return float(values.mean()), std * math.sqrt(1 + 1 / count), max(count - 1, 1)
