"""Mean absolute error: by how much the answers are off, in the unit of the target."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once
from weitiao.tasks.base import Judged


class Mae(Metric):
    """The mean of |answer - truth|; lower is better.

    Use it when the numbers themselves are used, and one large error is no worse than several
    small ones that add up to it (else `rmse`).
    """

    higher_is_better: ClassVar[bool] = False
    kinds: ClassVar[tuple[str, ...]] = ("number",)
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        return weights @ np.abs(judged.targets - judged.values) / weights.sum(1)
