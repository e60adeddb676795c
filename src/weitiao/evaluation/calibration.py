"""Calibration: expected calibration error, reliability diagram, temperature scaling.

Temperature scaling (Guo et al., 2017): all logits are divided by one number, fitted by the negative
log-likelihood of validation rows. The predicted label never changes, only its confidence. Where it
gains in log-loss and in calibration error beyond chance, the temperature is folded into the last
linear layer, so that any reader of the saved folder gets the calibrated scores. Also the
risk-coverage curve of selective prediction.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.tasks.answers.base import Answers

if TYPE_CHECKING:
    from weitiao.model.model import Model

ECE_BINS = 15  # equally wide, as in Guo et al.
DIAGRAM_BINS = 10
SAMPLES, FEWEST_SAMPLES = 500, 200  # resamples of the rows
MOST_CELLS = 40_000_000  # scores of all resamples; of many rows fewer resamples do
AT_BOUND = 0.02  # relative distance
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0  # beyond, something else is wrong


@dataclass(frozen=True)
class Bin:
    """A bin of the reliability diagram: mean confidence and accuracy of its predictions."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Quality:
    """Calibration metrics and proper scoring rules; lower is better."""

    ece: float  # expected calibration error
    nll: float  # mean negative log-likelihood
    brier: float  # Brier score: mean squared error of the probabilities

    def plain(self) -> dict[str, float]:
        return asdict(self)


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = DIAGRAM_BINS) -> list[Bin]:
    """The non-empty bins of a reliability diagram."""
    which = np.clip((confidence * bins).astype(int), 0, bins - 1)
    rows = np.bincount(which, minlength=bins)
    sums = np.bincount(which, confidence, bins), np.bincount(which, right.astype(float), bins)
    return [
        Bin(
            low=at / bins,
            high=(at + 1) / bins,
            rows=int(rows[at]),
            confidence=float(sums[0][at] / rows[at]),
            accuracy=float(sums[1][at] / rows[at]),
        )
        for at in range(bins)
        if rows[at]
    ]


def ece(confidence: np.ndarray, right: np.ndarray, bins: int = ECE_BINS) -> float:
    """Expected calibration error: sum over bins of n_b / n * |confidence_b - accuracy_b|.

    >>> ece(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    diagram = reliability(confidence, right, bins)
    return round(
        sum(one.rows * abs(one.confidence - one.accuracy) for one in diagram) / len(confidence), 12
    )


def quality(answers: Answers) -> Quality:
    """ECE, negative log-likelihood and Brier score of these answers."""
    return Quality(ece(*answers.claims()), answers.nll(), answers.brier())


def temperature(answers: type[Answers], logits: np.ndarray, labels: np.ndarray) -> float:
    """Temperature scaling: the temperature with the lowest negative log-likelihood of these rows.

    Targets are smoothed as by one additional row with a uniform target (Platt, 1999): without it,
    rows that are all predicted correctly would have the optimum at temperature 0.
    """
    from scipy.optimize import minimize_scalar

    smoothing = 1 / (len(labels) + 1)
    logits = logits.astype(float)

    def nll(log_temperature: float) -> float:
        return answers.cross_entropy(logits / np.exp(log_temperature), labels, smoothing)

    # In log temperature, where the loss is unimodal and its curvature even on both sides of 1.
    bounds = np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE)
    result = minimize_scalar(nll, bounds=bounds, method="bounded")
    return float(np.exp(result.x))


@dataclass(frozen=True)
class Gain:
    """How much lower a loss is after a temperature, with the 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        return self.low > 0


def gains(before: Answers, after: Answers, seed: int = 0) -> dict[str, Gain]:
    """The gain in log-loss and in calibration error, by a paired bootstrap over the rows."""
    rows = len(before)
    cells = max(rows * len(before.labels), 1)
    samples = max(FEWEST_SAMPLES, min(SAMPLES, MOST_CELLS // cells))
    generator = np.random.default_rng(seed)

    def gain(picked: np.ndarray) -> tuple[float, float]:
        one, other = before.take(picked), after.take(picked)
        return one.nll() - other.nll(), ece(*one.claims()) - ece(*other.claims())

    drawn = np.array([gain(generator.integers(rows, size=rows)) for _ in range(samples)])
    values = gain(np.arange(rows))
    # Centred: resampled rows have a larger calibration error, the more so the smaller it is.
    low, high = values + np.quantile(drawn - drawn.mean(0), (0.025, 0.975), axis=0)
    names = ("nll", "ece")
    return {
        name: Gain(values[at], float(low[at]), float(high[at])) for at, name in enumerate(names)
    }


def at_bound(divisor: float) -> bool:
    """Whether the search ended at one of its limits: the optimum lies elsewhere, or nowhere."""
    near = 1 + AT_BOUND
    return divisor < LOWEST_TEMPERATURE * near or divisor > HIGHEST_TEMPERATURE / near


def fold(model: Model, divisor: float) -> None:
    """Fold a temperature into the last linear layer of a model: W / T, b / T."""
    import torch

    ending = model.net.last_linear(model.task.outputs)
    assert ending is not None, "labels come from a linear layer"
    layer = ending[1]
    with torch.no_grad():
        layer.weight.div_(divisor)
        if layer.bias is not None:
            layer.bias.div_(divisor)


def coverage(confidence: np.ndarray, right: np.ndarray, points: int = 40) -> list[dict[str, float]]:
    """Risk-coverage curve: accuracy if only the most confident predictions are made.

    Each point has the lowest confidence (`score`), the proportion of rows with a prediction
    (`coverage`) and their accuracy (`right`); by rising coverage, the last point has every row.
    """
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # No threshold separates rows of the same confidence: only the ends of ties are points.
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) < 0, True))
    picked = np.unique(ends[np.linspace(0, len(ends) - 1, min(points, len(ends))).astype(int)])
    return [
        {
            "score": float(confidence[order[at]]),
            "coverage": float((at + 1) / len(order)),
            "right": float(accuracy[at]),
        }
        for at in picked
    ]


def refusal_of(divisor: float, rows: int, before: Answers, after: Answers) -> dict[str, Any]:
    """Why a temperature is not folded in, for calibration.json; empty where it is.

    It must gain in log-loss and in calibration error, in both beyond chance.
    """
    figures = {"temperature": divisor, "rows": rows}
    if divisor == 1.0:  # nothing to fold in, and nothing to refuse
        return {}
    if at_bound(divisor):
        return {**figures, "reason": "bound"}
    gained = gains(before, after)
    if all(one.clear for one in gained.values()):
        return {}
    return {**figures, "reason": "chance", **{name: asdict(one) for name, one in gained.items()}}


def summary_of(before: Quality, after: Quality, divisor: float, rows: int) -> dict[str, Any]:
    """The record of a calibration, for calibration.json."""
    return {
        "temperature": divisor,
        "rows": rows,
        "before": before.plain(),
        "after": after.plain(),
    }
