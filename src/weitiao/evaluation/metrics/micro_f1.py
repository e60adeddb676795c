"""Micro F1: F1 over all labels thrown together; with one label a row it is the accuracy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, label_counts, once, ratio
from weitiao.tasks.base import Judged


class MicroF1(Metric):
    """2 right / (given + true), counted over all rows and labels at once.

    Use it for rows with several labels, where frequent labels should weigh more and half-right
    sets should count half (`accuracy` wants the whole set). As scikit-learn's
    `f1_score(average="micro")`; 0 when no label was true and none given.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single", "multilabel")
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        right, given, true = label_counts(judged, weights)
        return ratio(2 * right.sum(1), given.sum(1) + true.sum(1))

    def proportion(self, kind: str) -> bool:
        return kind == "single"
