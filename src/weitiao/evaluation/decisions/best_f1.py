"""The threshold with the best F1."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from weitiao.errors import DataError
from weitiao.evaluation.decisions.base import Choice, Decision, limits_of, with_threshold
from weitiao.i18n.messages import _
from weitiao.tasks.base import Judged, Task


class BestF1(Decision):
    """The threshold with the best F1 of a label, or of every label where a row may have several.

    When to use: labels are rare, and finding them counts as much as being right about them.
    """

    label: str = Field("", description="empty: each of several labels, or the rarer of two")

    def choose(self, task: Task, judged: Judged) -> Choice:
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

    def _labels(self, judged: Judged) -> tuple[str, ...]:
        if self.label:
            return (self.label,)
        if judged.kind == "multilabel":
            return judged.labels
        if len(judged.labels) > 2:
            told = _("evaluate.decisions.best_f1: there are {count} labels; name one, e.g. "
                        "{{label: {label}}}.",
                        count=len(judged.labels), label=judged.labels[0])  # fmt: skip
            raise DataError(told)
        counts = np.bincount(judged.targets, minlength=2)
        return (judged.labels[int(counts.argmin())],)
