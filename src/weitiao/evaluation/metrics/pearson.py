"""Pearson correlation: how well a straight line turns the answers into the truth."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, correlation, once
from weitiao.tasks.base import Judged


class Pearson(Metric):
    """Pearson's linear correlation of answers and truth (1895); 0 when either is constant.

    Use it for graded similarity, where the unit of the numbers means little. It does not see a
    wrong unit or offset: look at `mae` beside it when the numbers themselves are used.
    """

    kinds: ClassVar[tuple[str, ...]] = ("number",)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    correlates: ClassVar[bool] = True

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        return correlation(judged.targets.astype(float), judged.values.astype(float), weights)
