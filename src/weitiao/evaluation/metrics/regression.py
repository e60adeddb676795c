"""Metrics of numbers: absolute and squared error, linear and rank correlation."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, Order, correlation, mid_ranks, ratio
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.numbers import Numbers


class Mae(ArrayMetric):
    """Mean absolute error, the mean of |predicted - gold|; lower is better.

    Use it when the numbers themselves are used, and one large error is no worse than several
    small ones that add up to it (else `rmse`).
    """

    higher_is_better: ClassVar[bool] = False
    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ np.abs(answers.targets - answers.values) / weights.sum(1)


class Rmse(ArrayMetric):
    """Root mean squared error, in the unit of the target; lower is better.

    Use it when a large error is worse than several small ones that add up to it (else `mae`).
    """

    higher_is_better: ClassVar[bool] = False
    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return np.sqrt(weights @ (answers.targets - answers.values) ** 2 / weights.sum(1))


class Pearson(ArrayMetric):
    """Pearson's linear correlation of predictions and gold (1895); 0 if either is constant.

    Use it for graded similarity, where the unit of the numbers means little. It does not see a
    wrong unit or offset: look at `mae` too when the numbers themselves are used.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    correlates: ClassVar[bool] = True

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return correlation(answers.targets.astype(float), answers.values.astype(float), weights)


class Spearman(ArrayMetric):
    """Spearman's rank correlation of predictions and gold (1904); 0 if either is constant.

    Use it when only the order counts, and as the usual figure for sentence similarity. Ties get
    their mid rank. Every resample has its own ranks without sorting again: under weights the rank
    of a row is the weight that lies below it.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Numbers,)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    correlates: ClassVar[bool] = True

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        gold, predicted = Order(answers.targets), Order(answers.values)
        (gold_ranks, gold_variance), (ranks, variance) = (
            _ranks(gold, weights),
            _ranks(predicted, weights),
        )
        # In the order of the truth two of the three arrays are read straight through.
        covariance = np.einsum(
            "sn,sn,sn->s",
            weights.take(gold.rows, axis=1),
            gold_ranks.take(gold.group[gold.rows], axis=1),
            ranks.take(predicted.group[gold.rows], axis=1),
        )
        # Constant predictions have no order: 0, as for `pearson`, so that a collapsed model is bad.
        return np.clip(ratio(covariance, np.sqrt(gold_variance * variance)), -1.0, 1.0)


def _ranks(order: Order, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rank of each group of ties less the mean rank, and the summed squares over rows."""
    sums = order.sums(weights)
    ranks = mid_ranks(sums) - weights.sum(1)[:, None] / 2
    return ranks, np.einsum("sg,sg,sg->s", sums, ranks, ranks)
