"""Base classes of metrics: one number for all rows, vectorized over bootstrap resamples."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.i18n.messages import _, name_list
from weitiao.labels.tags.counts import by_row
from weitiao.parts import Part
from weitiao.tasks.answers.base import Answers

if TYPE_CHECKING:
    from weitiao.tasks.base import Task


class Metric(Part):
    """A metric of answers.

    A new metric is a class with `answers` and `value`. `values` is what the bootstrap calls, with a
    thousand samples of the rows: derive from `ArrayMetric` where arrays do that faster.

    Weights say how often a row counts: a row of weight 2 counts like the row written down twice,
    a row of weight 0 is not there.
    """

    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[tuple[type[Answers], ...]]  # that it fits
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)  # lowest and highest value
    of_scores: ClassVar[bool] = False  # looks at the scores, not at the answers alone
    correlates: ClassVar[bool] = False  # is a correlation, nearly normal on Fisher's scale

    @classmethod
    def fits(cls, answers: type[Answers]) -> bool:
        """Whether it can evaluate these answers."""
        return issubclass(answers, cls.answers)

    @abstractmethod
    def value(self, answers: Answers, weights: np.ndarray | None = None) -> float:
        """The metric over all rows; `weights` (n,) says how often each row counts."""

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        """The metric for each row of `weights` (samples, n), as (samples,)."""
        return np.array([self.value(answers, sample) for sample in weights])

    def proportion(self, answers: type[Answers]) -> bool:
        """Whether it is a proportion of rows (k of n), for answers of this class: see Wilson."""
        return False


class ArrayMetric(Metric):
    """A metric computed for all resamples at once: write `values` instead of `value`."""

    def value(self, answers: Answers, weights: np.ndarray | None = None) -> float:
        return float(self.values(answers, once(answers, weights))[0])

    @abstractmethod
    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        """The metric for each row of `weights` (samples, n), as (samples,)."""


def once(answers: Answers, weights: np.ndarray | None) -> np.ndarray:
    """The weights of one evaluation as (1, n), each row counting once when there are none."""
    assert len(answers.targets), "a metric needs rows"
    return np.ones((1, len(answers.targets))) if weights is None else weights[None].astype(float)


def span_counts(answers: Answers, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, predicted and gold spans: each (samples,)."""
    correct, predicted, gold = (weights @ by_row(answers.targets, answers.values).astype(float)).T
    return correct, predicted, gold


def label_counts(
    answers: Answers, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, predicted and gold of each label: each (samples, labels). Of tags, spans."""
    return answers.label_counts(weights)


def ratio(above: np.ndarray, below: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    """above / below, and `otherwise` where `below` is zero.

    >>> ratio(np.array([1.0, 1.0]), np.array([4.0, 0.0])).tolist()
    [0.25, 0.0]
    """
    filled = np.full(np.broadcast_shapes(above.shape, below.shape), otherwise)
    return np.divide(above, below, out=filled, where=below != 0)


class Order:
    """Sorted order with groups of ties: ranks under any weights without sorting again."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.rows = np.argsort(numbers, kind="stable")
        ordered = numbers[self.rows]
        first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        self.starts = np.flatnonzero(first)  # where each group of ties begins
        self.group = np.empty(len(numbers), dtype=np.int64)  # of each row: its group of ties
        self.group[self.rows] = np.cumsum(first) - 1

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """The weight of each group of ties, in rising order: (samples, groups)."""
        ordered = weights.take(self.rows, axis=1)  # far faster than weights[:, rows]
        if len(self.starts) == len(self.rows):
            return ordered
        return np.add.reduceat(ordered, self.starts, axis=1)


def mid_ranks(sums: np.ndarray) -> np.ndarray:
    """Weighted mid ranks of groups of ties, less 1/2: the weight below, and half the own.

    >>> mid_ranks(np.array([[1.0, 2.0, 1.0]])).tolist()
    [[0.5, 2.0, 3.5]]
    """
    return np.cumsum(sums, axis=1) - sums / 2


def correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted Pearson correlation of two (n,) arrays, as (samples,).

    Two passes (mean, then squares): the one-pass formula E[x^2] - E[x]^2 cancels catastrophically
    where the mean is large against the variance.
    """
    total = weights.sum(1)
    x = _centred(first, weights, total)
    y = _centred(second, weights, total)
    covariance = np.einsum("sn,sn,sn->s", weights, x, y)
    norms = _norm(first, x, weights) * _norm(second, y, weights)
    # A constant has no correlation with anything. 0 ("tells nothing") rather than nan: a model
    # that collapsed to one answer must come out as bad, and stay comparable when the best is kept.
    return np.clip(ratio(covariance, norms), -1.0, 1.0)


def _centred(numbers: np.ndarray, weights: np.ndarray, total: np.ndarray) -> np.ndarray:
    mean = weights @ numbers / total
    return numbers - mean[:, None]


def _norm(numbers: np.ndarray, centred: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted Euclidean norm of centred numbers; 0 where it is only rounding of the mean."""
    norm = np.sqrt(np.einsum("sn,sn,sn->s", weights, centred, centred))
    size = np.sqrt(weights @ numbers**2)
    return np.where(norm <= 1e-12 * size, 0.0, norm)


def metrics_of(task: Task, names: Sequence[str] = ()) -> dict[str, Metric]:
    """The metrics a plan names, or the task's defaults. Raises PlanError when one does not fit."""
    metrics: dict[str, Metric] = {
        name: parts.build("metrics", name) for name in names or task.default_metrics
    }
    wrong = [name for name, metric in metrics.items() if not metric.fits(task.answers)]
    if wrong:
        raise PlanError(
            [
                _(
                    "evaluate.metrics: {metric} does not fit {task}; it has {metrics}.",
                    metric=name,
                    task=type(task).__name__.lower(),
                    metrics=name_list(task.metrics),
                )
                for name in wrong
            ]
        )
    return metrics
