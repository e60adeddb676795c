"""Metrics of out-of-scope detection: AUROC, FPR at 95 % TPR, rejection rates, coverage curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weitiao.evaluation.intervals import wilson

TPR = 0.95  # of known inputs, at which the false positive rate is reported
SAMPLES = 500  # bootstrap samples of the AUROC
CURVE = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 1.0)  # known answered


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """The probability that a known input scores higher than an unknown one; NaN without either."""
    if not len(known) or not len(unknown):
        return float("nan")
    from sklearn.metrics import roc_auc_score

    gold = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    return float(roc_auc_score(gold, np.r_[known, unknown]))


def auroc_interval(known: np.ndarray, unknown: np.ndarray, seed: int = 13) -> tuple[float, float]:
    """The 95 % interval of the AUROC, by the percentile bootstrap of both groups."""
    # Of all pairs: the share of unknown scores below each known one, and the other way round.
    ordered_unknown, ordered_known = np.sort(unknown), np.sort(known)

    def below(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
        left = np.searchsorted(others, scores, "left")
        return np.asarray((left + np.searchsorted(others, scores, "right")) / 2 / len(others))

    # Hajek projection: AUROC* = mean over drawn known + mean over drawn unknown - AUROC.
    of_known = below(known, ordered_unknown)
    of_unknown = 1 - below(unknown, ordered_known)
    generator = np.random.default_rng(seed)
    means = [
        values[generator.integers(0, len(values), (SAMPLES, len(values)))].mean(1)
        for values in (of_known, of_unknown)
    ]
    samples = np.clip(means[0] + means[1] - of_known.mean(), 0, 1)
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(low), float(high)


def fpr_at_tpr(known: np.ndarray, unknown: np.ndarray, tpr: float = TPR) -> float:
    """The proportion of unknown inputs that are answered where `tpr` of the known are."""
    if not len(known) or not len(unknown):
        return float("nan")
    order = np.sort(known)
    threshold = order[int(np.floor((1 - tpr) * len(order) + 1e-9))]
    return float((unknown >= threshold).mean())


@dataclass(frozen=True, eq=False)
class Judged:
    """Evaluated rows as the detector sees them; higher scores are known inputs.

    right: of known rows, whether the best known label is correct.
    """

    known: np.ndarray
    right: np.ndarray
    refused: np.ndarray  # of known rows
    unknown: np.ndarray = field(default_factory=lambda: np.zeros(0))
    caught: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))  # of unknown rows

    def figures(self) -> dict[str, Any]:
        """Plain values for metrics.json; figures of unknown rows only where there are some."""
        answered = ~self.refused
        rows = len(self.known)
        figures: dict[str, Any] = {
            "known_rows": rows,
            "refused": share(self.refused),
            "refused_interval": list(wilson(share(self.refused), rows)),
            "accuracy": share(self.right),
            "accuracy_answered": share(self.right[answered]),
            "unknown_rows": len(self.unknown),
            "curve": self.curve(),
        }
        if len(self.unknown):
            low, high = auroc_interval(self.known, self.unknown)
            caught = share(self.caught)
            both = np.r_[self.right & answered, self.caught]
            figures |= {
                "auroc": auroc(self.known, self.unknown),
                "auroc_interval": [low, high],
                "fpr95": fpr_at_tpr(self.known, self.unknown),
                "caught": caught,
                "caught_interval": list(wilson(caught, len(self.unknown))),
                # Where "unknown" counts as the right answer to unknown inputs.
                "accuracy_both": share(both),
            }
        return figures

    def curve(self) -> list[dict[str, float]]:
        """Coverage curve: where so many known rows are answered, how many of them correctly, and
        how many unknown rows are answered, too."""
        order = np.argsort(-self.known, kind="stable")
        right = np.cumsum(self.right[order])
        points = []
        for kept in CURVE:
            count = max(round(kept * len(order)), 1)
            threshold = self.known[order[count - 1]]
            point = {"known": count / len(order), "accuracy": float(right[count - 1] / count)}
            if len(self.unknown):
                point["unknown"] = share(self.unknown >= threshold)
            points.append(point)
        return points


def share(values: np.ndarray) -> float:
    """The proportion of true values; NaN of none."""
    return float(np.mean(values)) if len(values) else float("nan")


def best_score(aurocs: Mapping[str, float]) -> str:
    """The detection score with the highest AUROC; of equal ones the first."""
    return max(aurocs, key=lambda name: -1.0 if np.isnan(aurocs[name]) else aurocs[name])
