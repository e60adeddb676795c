"""Weighted F1: the mean of every label's F1, each label weighing as often as it is true."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, label_counts, once, ratio
from weitiao.tasks.base import Judged


class WeightedF1(Metric):
    """The mean over labels of F1, weighted by how often the label is true.

    Use it to compare with published figures that use it; for rare labels prefer `macro_f1`.
    As scikit-learn's `f1_score(average="weighted")`; 0 when no label is true.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single", "multilabel")
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        right, given, true = label_counts(judged, weights)
        scores = ratio(2 * right, given + true)
        return ratio((scores * true).sum(1), true.sum(1))
