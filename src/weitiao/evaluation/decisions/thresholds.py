"""Thresholds of a label chosen on validation rows: best F1, a wanted precision, a wanted recall."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from weitiao.errors import DataError
from weitiao.evaluation.decisions.base import Choice, Decision, limits_of, with_threshold
from weitiao.i18n.messages import _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.base import Task


class BestF1(Decision):
    """The threshold with the best F1 of a label, or of every label where a row may have several.

    When to use: labels are rare, and finding them counts as much as being right about them.
    """

    label: str = Field("", description="empty: each of several labels, or the rarer of two")

    def choose(self, task: Task, judged: Answers) -> Choice:
        found: dict[str, float] = {}
        figures = []
        for label in self._labels(judged):
            limits = limits_of(judged, label)
            if not limits.true:
                continue
            best = limits.f1 >= limits.f1.max() - 1e-12
            at = int(np.where(best, -np.abs(limits.values - 0.5), -np.inf).argmax())
            choice = with_threshold(task, label, limits, at)
            found |= choice.settings["thresholds"]
            figures.append(choice.figures)
        return Choice({"thresholds": found}, bool(found), {"labels": figures})

    def _labels(self, judged: Answers) -> tuple[str, ...]:
        if self.label:
            return (self.label,)
        if isinstance(judged, LabelSets):
            return judged.labels
        if len(judged.labels) > 2:
            told = _("evaluate.decisions.best_f1: there are {count} labels; name one, e.g. "
                        "{{label: {label}}}.",
                        count=len(judged.labels), label=judged.labels[0])  # fmt: skip
            raise DataError(told)
        counts = np.bincount(judged.targets, minlength=2)
        return (judged.labels[int(counts.argmin())],)


class AtPrecision(Decision):
    """The best recall at a precision: of the rows that get the label, at least this share has it.

    When to use: a false alarm is worse than what is missed (an account that is closed by mistake).
    """

    label: str = Field(description="the label that must be right when it is given")
    precision: float = Field(0.9, gt=0, le=1, description="share of its answers that are right")

    def choose(self, task: Task, judged: Answers) -> Choice:
        limits = limits_of(judged, self.label)
        if not limits.true:
            return Choice({}, False, {"label": self.label, "true": 0})
        enough = (limits.precision >= self.precision - 1e-12) & (limits.right > 0)
        if not enough.any():  # as near as it gets
            most = int(np.where(limits.right > 0, limits.precision, -1.0).argmax())
            return with_threshold(task, self.label, limits, most, met=False)
        best = int(np.where(enough, limits.recall, -1.0).argmax())
        return with_threshold(task, self.label, limits, best)


class AtRecall(Decision):
    """The best precision at a recall: find at least this share of the label's rows.

    When to use: what is missed is worse than a false alarm (spam that gets through, a complaint
    nobody reads).
    """

    label: str = Field(description="the label that must be found")
    recall: float = Field(0.9, gt=0, le=1, description="share of its rows that must be found")

    def choose(self, task: Task, judged: Answers) -> Choice:
        limits = limits_of(judged, self.label)
        enough = limits.recall >= self.recall - 1e-12
        if not enough.any():  # validation has no row of the label
            return Choice({}, False, {"label": self.label, "true": limits.true})
        best = int(np.where(enough, limits.precision, -1.0).argmax())
        return with_threshold(task, self.label, limits, best)
