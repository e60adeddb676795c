"""Exact match: the share of questions whose answer is a right one, word for word."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once
from weitiao.tasks.base import EXACT, Judged


class ExactMatch(Metric):
    """The share of answers that equal a right one but for case, articles and punctuation.

    As the scripts of SQuAD and, by characters, of CMRC 2018; of several right answers one is
    enough. Strict: a word too many is as wrong as another passage, so look at `f1` beside it.
    """

    kinds: ClassVar[tuple[str, ...]] = ("spans",)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        return weights @ judged.counts[:, EXACT] / weights.sum(1)

    def proportion(self, kind: str) -> bool:
        return True
