"""F1 of answers: how many of their words are those of the right answer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once
from weitiao.tasks.base import OVERLAP, Judged


class F1(Metric):
    """How far answers and right ones overlap, the mean over questions.

    As the scripts of SQuAD (words in common) and, for Chinese, of CMRC 2018 (characters of the
    longest run in common); of several right answers the nearest counts.
    """

    kinds: ClassVar[tuple[str, ...]] = ("spans",)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        return weights @ judged.counts[:, OVERLAP] / weights.sum(1)
