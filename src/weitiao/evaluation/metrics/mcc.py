"""Matthews correlation: agreement beyond chance, from -1 to 1, for any number of labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, label_counts, once, ratio
from weitiao.tasks.base import Judged


class Mcc(Metric):
    """The correlation between true and given labels (Matthews, 1975; Gorodkin, 2004).

    Use it when labels are unevenly frequent and one number must not be flattered by the most
    frequent one: always giving that label is worth 0. As scikit-learn's `matthews_corrcoef`.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single",)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1)[:, None]
        right, given, true = (count / total for count in label_counts(judged, weights))
        together = right.sum(1) - (given * true).sum(1)
        # Shares are rounded, so "constant" is "no spread but rounding". A constant correlates with
        # nothing: 0, the same as guessing, so that a collapsed model is seen to be worthless.
        spreads = np.array([1 - (share**2).sum(1) for share in (given, true)])
        spread = np.where((spreads > 1e-12).all(0), np.prod(np.maximum(spreads, 0), axis=0), 0.0)
        return np.clip(ratio(together, np.sqrt(spread)), -1.0, 1.0)
