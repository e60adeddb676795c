"""Calibration: whether 0.9 comes true nine times in ten, and the temperature that brings it nearer.

Temperature scaling (Guo et al., 2017): all logits are divided by one number, fitted by the negative
log-likelihood of validation rows. No answer of a single label changes, only how sure it is. The
number is folded into the last linear layer, so that whoever reads the saved folder gets the
calibrated scores.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.tasks.answers.base import Answers

if TYPE_CHECKING:
    from weitiao.model.model import Model

BINS = 15  # of the calibration error, equally wide, as in the literature
DRAWN_BINS = 10  # of the diagram
LOWEST, HIGHEST = 0.05, 20.0  # temperatures; beyond, something else is wrong


@dataclass(frozen=True)
class Bin:
    """Answers of about the same score: how sure they were on average, and how often right."""

    low: float
    high: float
    rows: int
    sure: float
    right: float


@dataclass(frozen=True)
class Quality:
    """How good the scores are as probabilities; the lower the better."""

    ece: float  # expected calibration error: mean distance of score and truth
    nll: float  # negative log-likelihood
    brier: float  # mean squared distance

    def plain(self) -> dict[str, float]:
        return asdict(self)


def reliability(sure: np.ndarray, right: np.ndarray, bins: int = DRAWN_BINS) -> list[Bin]:
    """The bins of a reliability diagram that hold a row."""
    which = np.clip((sure * bins).astype(int), 0, bins - 1)
    rows = np.bincount(which, minlength=bins)
    sums = np.bincount(which, sure, bins), np.bincount(which, right.astype(float), bins)
    return [
        Bin(at / bins, (at + 1) / bins, int(rows[at]), float(sums[0][at] / rows[at]),
            float(sums[1][at] / rows[at]))
        for at in range(bins) if rows[at]
    ]  # fmt: skip


def ece(sure: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: how far score and share of truth are apart, on average of rows.

    >>> ece(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    found = reliability(sure, right, bins)
    return round(sum(one.rows * abs(one.sure - one.right) for one in found) / len(sure), 12)


def quality(judged: Answers) -> Quality:
    """The three figures of these answers."""
    return Quality(ece(*judged.claims()), judged.nll(), judged.brier())


def temperature(answers: type[Answers], logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the lowest negative log-likelihood of these rows.

    One row more is imagined whose label could be any: without it, rows that are all answered
    rightly would make the model infinitely sure (the remedy of Platt, 1999).
    """
    from scipy.optimize import minimize_scalar

    smoothing = 1 / (len(labels) + 1)
    logits = logits.astype(float)

    def cost(log_temperature: float) -> float:
        return answers.cross_entropy(logits / np.exp(log_temperature), labels, smoothing)

    found = minimize_scalar(cost, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def fold(model: Model, divisor: float) -> None:
    """Divide the logits of a model for good, in its last linear layer."""
    import torch

    ending = model.net.last_linear(model.task.outputs)
    assert ending is not None, "labels come from a linear layer"
    layer = ending[1]
    with torch.no_grad():
        layer.weight.div_(divisor)
        if layer.bias is not None:
            layer.bias.div_(divisor)


def coverage(sure: np.ndarray, right: np.ndarray, points: int = 40) -> list[dict[str, float]]:
    """How right the answers are if only the surest are given: score, share answered, share right.

    The first point answers fewest, the last one every row.
    """
    order = np.argsort(-sure, kind="stable")
    so_far = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # Rows of the same score are answered or left together.
    ends = np.flatnonzero(np.append(np.diff(sure[order]) < 0, True))
    picked = np.unique(ends[np.linspace(0, len(ends) - 1, min(points, len(ends))).astype(int)])
    return [
        {"score": float(sure[order[at]]), "coverage": float((at + 1) / len(order)),
         "right": float(so_far[at])}
        for at in picked
    ]  # fmt: skip


def summary_of(before: Quality, after: Quality, divisor: float, rows: int) -> dict[str, Any]:
    """What is kept of a calibration."""
    return {
        "temperature": divisor,
        "rows": rows,
        "before": before.plain(),
        "after": after.plain(),
    }
