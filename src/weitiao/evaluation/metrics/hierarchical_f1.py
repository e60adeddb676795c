"""Hierarchical F1: a mistake under the right parent is half a mistake."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once, ratio
from weitiao.labels.hierarchy import levels_of
from weitiao.tasks.base import Judged


class HierarchicalF1(Metric):
    """F1 over the labels and everything above them, the root apart (Kiritchenko et al., 2005): of
    truth a/b and answer a/c, one of two is right. Of flat labels it is the accuracy.

    Use it when labels are paths and a near mistake is better than a far one.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        if not judged.separator:
            right = (judged.targets == judged.values).astype(float)
            return weights @ right / weights.sum(1)
        both, sizes = np.zeros(len(judged.targets)), np.zeros(len(judged.targets))
        for level in levels_of(judged.labels, judged.separator):
            true, given = level.deep[judged.targets], level.deep[judged.values]
            same = level.of[judged.targets] == level.of[judged.values]
            both += true & given & same
            sizes += true.astype(int) + given
        return ratio(2 * (weights @ both), weights @ sizes)
