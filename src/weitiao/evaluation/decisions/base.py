"""What a decision is: validation rows with their scores in, settings of the task out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.parts import Part, near
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.base import Task


@dataclass(frozen=True)
class Choice:
    """What was chosen: settings of the task, whether the wish is met, and figures about it."""

    settings: Mapping[str, Any]
    met: bool = True
    figures: Mapping[str, Any] = field(default_factory=dict)


class Decision(Part):
    """How scores become answers, chosen on validation rows. A new one is one file.

    Whatever is chosen becomes settings of the task, is saved with the model in weitiao.json and
    holds in `predict`. Decisions are made in the order of the plan, each on the answers that those
    before it lead to.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)

    @classmethod
    def fits(cls, answers: type[Answers]) -> bool:
        """Whether it can choose how these answers are given."""
        return issubclass(answers, cls.answers)

    @abstractmethod
    def choose(self, task: Task, judged: Answers) -> Choice:
        """The settings that are best for these rows, which the model has not learned from."""


@dataclass(frozen=True)
class Limits:
    """Every threshold that a label can have, from the highest down, and what it leads to."""

    values: np.ndarray
    right: np.ndarray  # rows with the label that it finds
    given: np.ndarray  # rows it gives the label to
    true: int  # rows that have it

    @property
    def precision(self) -> np.ndarray:
        return self.right / self.given

    @property
    def recall(self) -> np.ndarray:
        return self.right / max(self.true, 1)

    @property
    def f1(self) -> np.ndarray:
        return 2 * self.right / (self.given + self.true)

    def figures(self, at: int) -> dict[str, float]:
        """What the threshold at this place comes to on validation."""
        return {
            "threshold": float(self.values[at]),
            "precision": float(self.precision[at]),
            "recall": float(self.recall[at]),
            "f1": float(self.f1[at]),
            "true": self.true,
        }


def limits_of(judged: Answers, label: str) -> Limits:
    """The thresholds of one label. Raises DataError when there is no such label."""
    if label not in judged.labels:
        told = _("evaluate.decisions: there is no label {label!r}.{hint}",
                    label=label, hint=near(label, judged.labels))  # fmt: skip
        raise DataError(told)
    at = judged.labels.index(label)
    true = judged.has_label(at)
    scores = judged.scores[:, at].astype(float)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(np.diff(ordered) < 0, True))  # rows of one score go together
    below = np.append(ordered, 0.0)[ends + 1]
    # In the middle between two scores, so that rounding does not decide.
    values = np.clip((ordered[ends] + below) / 2, 1e-6, 1 - 1e-6)
    return Limits(values, np.cumsum(true[order])[ends], ends + 1, int(true.sum()))


def with_threshold(task: Task, label: str, limits: Limits, at: int, met: bool = True) -> Choice:
    """The task's thresholds with one more."""
    thresholds = {**getattr(task, "thresholds", {}), label: float(limits.values[at])}
    return Choice({"thresholds": thresholds}, met, {"label": label, **limits.figures(at)})
