"""Base class of decision rules: validation rows with their scores in, settings of the task out."""

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
    """A chosen decision rule: settings of the task, whether the target is met, and metrics."""

    settings: Mapping[str, Any]
    met: bool = True
    figures: Mapping[str, Any] = field(default_factory=dict)


class Decision(Part):
    """A decision rule (scores to predictions) that is tuned on validation rows.

    The chosen settings become settings of the task, are saved with the model in weitiao.json and
    apply in `predict`. Rules are tuned in the order of the plan, each on the predictions under
    those before it.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)

    @classmethod
    def fits(cls, answers: type[Answers]) -> bool:
        """Whether it applies to these answers."""
        return issubclass(answers, cls.answers)

    @abstractmethod
    def choose(self, task: Task, answers: Answers) -> Choice:
        """The settings that are best for these rows, which the model was not trained on."""


@dataclass(frozen=True)
class ThresholdCurve:
    """Precision-recall curve of a label: all distinct thresholds, from the highest down."""

    values: np.ndarray
    correct: np.ndarray  # true positives at each threshold
    predicted: np.ndarray  # true and false positives
    gold: int  # rows that have the label

    @property
    def precision(self) -> np.ndarray:
        return self.correct / self.predicted

    @property
    def recall(self) -> np.ndarray:
        return self.correct / max(self.gold, 1)

    @property
    def f1(self) -> np.ndarray:
        return 2 * self.correct / (self.predicted + self.gold)

    def figures(self, at: int) -> dict[str, float]:
        """Validation metrics at one threshold."""
        return {
            "threshold": float(self.values[at]),
            "precision": float(self.precision[at]),
            "recall": float(self.recall[at]),
            "f1": float(self.f1[at]),
            "true": self.gold,
        }


def threshold_curve(answers: Answers, label: str) -> ThresholdCurve:
    """The precision-recall curve of one label. Raises DataError when there is no such label."""
    check_label(answers, label)
    at = answers.labels.index(label)
    return curve_of(answers.scores[:, at], answers.has_label(at))


def curve_of(scores: np.ndarray, gold: np.ndarray) -> ThresholdCurve:
    """The precision-recall curve of these scores, where `gold` says which belong to the label."""
    scores = scores.astype(float)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    # Only where the score changes is there a threshold: rows with equal scores go together.
    ends = np.flatnonzero(np.append(np.diff(ordered) < 0, True))
    below = np.append(ordered, 0.0)[ends + 1]
    # The midpoint of two neighbouring scores, robust against rounding in another batch layout.
    values = np.clip((ordered[ends] + below) / 2, 1e-6, 1 - 1e-6)
    return ThresholdCurve(values, np.cumsum(gold[order])[ends], ends + 1, int(gold.sum()))


def check_label(answers: Answers, label: str) -> None:
    """Raises DataError when there is no such label."""
    if label not in answers.labels:
        hint = near(label, answers.labels)
        raise DataError(
            _("evaluate.decisions: there is no label {label!r}.{hint}", label=label, hint=hint)
        )


def with_threshold(
    task: Task, label: str, curve: ThresholdCurve, at: int, met: bool = True
) -> Choice:
    """The task's thresholds with that of one more label."""
    thresholds = {**getattr(task, "thresholds", {}), label: float(curve.values[at])}
    return Choice({"thresholds": thresholds}, met, {"label": label, **curve.figures(at)})
