"""Of the spans that are there, the share that is found."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once, span_counts
from weitiao.tasks.base import Judged


class EntityRecall(Metric):
    """Of the spans that are there, the share that is found (ends and label).

    Counted over all spans (micro); 0 where there are none.
    """

    kinds: ClassVar[tuple[str, ...]] = ("tags",)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        right, _, true = span_counts(judged, weights)
        return np.asarray(right / np.maximum(true, 1))
