"""The share of words (or characters) with the right tag."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, once
from weitiao.tasks.base import Judged


class TokenAccuracy(Metric):
    """Words with the right tag, of all words: for parts of speech. For names it says little, since
    most words are none: see entity_f1."""

    kinds: ClassVar[tuple[str, ...]] = ("tags",)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        right, words = (weights @ judged.counts.astype(float)).T
        return np.asarray(right / np.maximum(words, 1))
