"""Accuracy: the share of rows that are entirely right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once
from weitiao.tasks.base import Judged


class Accuracy(Metric):
    """The share of right rows; with several labels a row is right when its whole set is.

    Use it when labels are about equally frequent and mistakes cost the same; with rare labels
    look at `macro_f1` or `mcc` beside it. As scikit-learn's `accuracy_score`.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single", "multilabel")
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        right = judged.targets == judged.values
        if judged.kind == "multilabel":
            right = right.all(1)
        return weights @ right.astype(float) / weights.sum(1)

    def proportion(self, kind: str) -> bool:
        return True
