"""Macro F1: the plain mean of every label's F1, so that rare labels weigh as much as others."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, label_counts, once, ratio
from weitiao.tasks.base import Judged


class MacroF1(Metric):
    """The mean over labels of F1 = 2 right / (given + true) (van Rijsbergen, 1979).

    Use it when rare labels matter as much as frequent ones. The mean is taken over the labels
    that occur in the truth or in the answers, as scikit-learn's `f1_score(average="macro")` does
    for single labels; without any such label it is 0.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single", "multilabel")
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        right, given, true = label_counts(judged, weights)
        scores = ratio(2 * right, given + true)
        return ratio(scores.sum(1), ((given + true) > 0).sum(1).astype(float))
