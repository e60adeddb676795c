"""What a fitted baseline is, and the rows it is fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from weitiao.tasks.base import Task

Texts = list[list[str]]  # one list of texts for each role
Score = Callable[[Any], Any]  # texts, or rows where a baseline is of rows


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline. detail: plain values, the features chosen and the candidates' scores.

    `score` takes one list of texts for each role and gives (n, outputs): probabilities for single
    labels and label sets, numbers in the target's unit for numbers. of_rows: it takes the rows
    themselves instead.
    """

    name: str
    detail: Mapping[str, Any]
    score: Score
    of_rows: bool = False


def task_of(baseline: Baseline, task: Task) -> Task:
    """The task as a baseline decides it: by argmax, or by thresholds tuned on its own scores."""
    task, thresholds = task.without_decisions(), baseline.detail.get("thresholds")
    return task.model_copy(update={"thresholds": thresholds}) if thresholds else task


class Selection(NamedTuple):
    """The validation metric by which a candidate is selected.

    value: (positions of the validation rows, their scores) to the metric.
    """

    name: str
    value: Callable[[np.ndarray, np.ndarray], float]
    higher_is_better: bool = True

    def order(self, value: float) -> float:
        """The value turned so that higher is better; undefined counts as worst."""
        if math.isnan(value):
            return -math.inf
        return value if self.higher_is_better else -value


@dataclass(frozen=True)
class Constant:
    """The same scores for every row: the prior of each label, or the mean."""

    always: np.ndarray  # (outputs,)

    def __call__(self, texts: Texts) -> np.ndarray:
        return np.tile(self.always, (len(texts[0]), 1))


def positions_of(rows: int, most: int, generator: np.random.Generator) -> np.ndarray:
    """All positions of so many rows; of more than `most`, a random sample in order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(generator.choice(rows, most, replace=False))


def picked(texts: Texts, rows: np.ndarray) -> Texts:
    """The texts of the rows at these positions."""
    return [[role[row] for row in rows] for role in texts]
