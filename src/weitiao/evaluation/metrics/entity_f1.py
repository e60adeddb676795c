"""The harmonic mean of precision and recall of spans."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once, span_counts
from weitiao.tasks.base import Judged


class EntityF1(Metric):
    """The harmonic mean of precision and recall of spans (ends and label), as seqeval counts.

    Counted over all spans (micro); 0 where there are none.
    """

    kinds: ClassVar[tuple[str, ...]] = ("tags",)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        right, given, true = span_counts(judged, weights)
        return np.asarray(2 * right / np.maximum(given + true, 1))
