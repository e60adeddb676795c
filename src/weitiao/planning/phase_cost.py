"""Seconds of the phases of a run, by regression on a few measured updates and forward passes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from weitiao.planfile.expectation import Estimate

Z = 1.2816  # of a normal distribution: 80 % lie within so many standard deviations
OUTLIER = 2.0  # times the median of equal measurements: one that took longer counts as this
SHARED = 0.5  # correlation of the errors of two phases: other programs slow all of them


@dataclass(frozen=True)
class Sample:
    """A measured update or forward pass: its tokens (with padding), its rows, its seconds."""

    tokens: float
    rows: float
    seconds: float


@dataclass(frozen=True)
class Line:
    """seconds = fixed + a_token * tokens + a_row * rows, none of them negative.

    std: of the residuals, as a proportion of the prediction.
    """

    fixed: float
    a_token: float
    a_row: float
    std: float

    def seconds(self, tokens: float, rows: float, times: float = 1.0) -> float:
        """Of `times` updates or passes of so many tokens and rows together."""
        return times * self.fixed + self.a_token * tokens + self.a_row * rows


def fitted(samples: Sequence[Sample]) -> Line:
    """Non-negative least squares of the relative error, over the means of equal samples."""
    from scipy.optimize import nnls

    groups: dict[tuple[float, float], list[float]] = {}
    for one in samples:
        groups.setdefault((one.tokens, one.rows), []).append(one.seconds)
    sizes = np.array(list(groups))
    means = np.array([winsorized(seconds) for seconds in groups.values()])
    design = np.column_stack([np.ones(len(sizes)), sizes])
    if len({rows for _tokens, rows in groups}) == 1:
        design[:, 2] = 0.0  # equal rows cannot be told from the fixed part
    # Scaled, so that short updates count as much as long ones, and columns are alike in size.
    weighted = design / means[:, None]
    scale = np.maximum(weighted.max(0), 1e-300)
    found, _norm = nnls(weighted / scale, np.ones(len(means)))
    fixed, a_token, a_row = (found / scale).tolist()
    line = Line(fixed, a_token, a_row, 0.0)
    ratios = [
        second / line.seconds(*size)
        for size, seconds in groups.items()
        for second in seconds
        if line.seconds(*size) > 0
    ]
    spread = float(np.sqrt(np.mean((np.array(ratios) - 1) ** 2))) if ratios else 0.0
    return Line(fixed, a_token, a_row, spread)


def winsorized(seconds: Sequence[float]) -> float:
    """The mean, where what other programs disturbed counts as OUTLIER medians."""
    most = OUTLIER * float(np.median(seconds))
    return float(np.minimum(seconds, most).mean())


@dataclass(frozen=True)
class PhaseSeconds:
    """Seconds of a phase with the standard deviation of their logarithm.

    low, high: what the settings alone leave open (how long the refit trains, say).
    """

    seconds: float
    std: float
    low: float | None = None
    high: float | None = None

    @property
    def estimate(self) -> Estimate:
        """With its 80 % interval: a log-normal one, around what is open."""
        low = self.seconds if self.low is None else self.low
        high = self.seconds if self.high is None else self.high
        return Estimate(
            self.seconds, low * math.exp(-Z * self.std), high * math.exp(Z * self.std)
        ).rounded(1)


def total(phases: Iterable[Estimate]) -> Estimate:
    """The sum, whose interval lies between that of independent errors and that of equal ones."""
    listed = list(phases)
    below = _joined([one.value - one.low for one in listed])
    above = _joined([one.high - one.value for one in listed])
    value = sum(one.value for one in listed)
    return Estimate(value, max(value - below, 0.0), value + above).rounded(1)


def _joined(widths: Sequence[float]) -> float:
    """Half the width of the interval of a sum of errors with correlation SHARED."""
    squares = sum(width * width for width in widths)
    return math.sqrt(SHARED * sum(widths) ** 2 + (1 - SHARED) * squares)
