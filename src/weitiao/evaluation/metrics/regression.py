"""Metrics of numbers: absolute and squared error, linear and rank correlation."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, Order, correlation, middles, ratio
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.numbers import Numbers


class Mae(ArrayMetric):
    """The mean of |answer - truth|; lower is better.

    Use it when the numbers themselves are used, and one large error is no worse than several
    small ones that add up to it (else `rmse`).
    """

    higher_is_better: ClassVar[bool] = False
    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ np.abs(judged.targets - judged.values) / weights.sum(1)


class Rmse(ArrayMetric):
    """The root of the mean of (answer - truth)^2, in the unit of the target; lower is better.

    Use it when a large error is worse than several small ones that add up to it (else `mae`).
    """

    higher_is_better: ClassVar[bool] = False
    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        return np.sqrt(weights @ (judged.targets - judged.values) ** 2 / weights.sum(1))


class Pearson(ArrayMetric):
    """Pearson's linear correlation of answers and truth (1895); 0 when either is constant.

    Use it for graded similarity, where the unit of the numbers means little. It does not see a
    wrong unit or offset: look at `mae` beside it when the numbers themselves are used.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    correlates: ClassVar[bool] = True

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        return correlation(judged.targets.astype(float), judged.values.astype(float), weights)


class Spearman(ArrayMetric):
    """The correlation of the ranks of answers and truth (Spearman, 1904); 0 when one is constant.

    Use it when only the order counts, and as the usual figure for sentence similarity. Ties get
    their middle rank. Every resample is ranked anew, which needs no new sorting: under weights the
    rank of a row is the weight that lies below it.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    correlates: ClassVar[bool] = True

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
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
