"""Root mean squared error: by how much the answers are off, large errors weighing more."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once
from weitiao.tasks.base import Judged


class Rmse(Metric):
    """The root of the mean of (answer - truth)^2, in the unit of the target; lower is better.

    Use it when a large error is worse than several small ones that add up to it (else `mae`).
    """

    higher_is_better: ClassVar[bool] = False
    kinds: ClassVar[tuple[str, ...]] = ("number",)
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        return np.sqrt(weights @ (judged.targets - judged.values) ** 2 / weights.sum(1))
