"""Spearman correlation: whether the answers put the rows into the right order."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, Order, middles, once, ratio
from weitiao.tasks.base import Judged


class Spearman(Metric):
    """The correlation of the ranks of answers and truth (Spearman, 1904); 0 when one is constant.

    Use it when only the order counts, and as the usual figure for sentence similarity. Ties get
    their middle rank. Every resample is ranked anew, which needs no new sorting: under weights the
    rank of a row is the weight that lies below it.
    """

    kinds: ClassVar[tuple[str, ...]] = ("number",)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    correlates: ClassVar[bool] = True

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        truth, given = Order(judged.targets), Order(judged.values)
        (true_ranks, true_spread), (ranks, spread) = _ranks(truth, weights), _ranks(given, weights)
        # In the order of the truth two of the three arrays are read straight through.
        together = np.einsum(
            "sn,sn,sn->s",
            weights.take(truth.rows, axis=1),
            true_ranks.take(truth.group[truth.rows], axis=1),
            ranks.take(given.group[truth.rows], axis=1),
        )
        # Constant answers have no order: 0, as for `pearson`, so that a collapsed model is bad.
        return np.clip(ratio(together, np.sqrt(true_spread * spread)), -1.0, 1.0)


def _ranks(order: Order, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rank of each group of ties less the mean rank, and the summed squares over rows."""
    sums = order.sums(weights)
    ranks = middles(sums) - weights.sum(1)[:, None] / 2
    return ranks, np.einsum("sg,sg,sg->s", sums, ranks, ranks)
