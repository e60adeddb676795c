"""Answers by what mistakes cost."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from weitiao.errors import DataError
from weitiao.evaluation.decisions.base import Choice, Decision
from weitiao.i18n.messages import _
from weitiao.parts import near
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.base import Cost, Task


class Costs(Decision):
    """The answer that costs least on average, by the calibrated scores and a matrix of costs.

    When to use: mistakes have prices that differ, {spam: {ham: 1}, ham: {spam: 20}}.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels,)
    matrix: dict[str, dict[str, Cost]] = Field(
        description="truth -> answer -> what this mistake costs; what is not named costs 1"
    )

    def choose(self, task: Task, judged: Answers) -> Choice:
        named = [*self.matrix, *(label for row in self.matrix.values() for label in row)]
        for label in named:
            if label not in judged.labels:
                told = _("evaluate.decisions: there is no label {label!r}.{hint}",
                            label=label, hint=near(label, judged.labels))  # fmt: skip
                raise DataError(told)
        priced = task.model_copy(update={"costs": self.matrix})
        after = priced.judge(judged.targets, judged.scores)
        figures = {"before": self._mean(judged), "after": self._mean(after)}
        return Choice({"costs": self.matrix}, True, figures)

    def _mean(self, judged: Answers) -> float:
        """What an answer costs on average."""
        found = []
        for truth, answer in zip(judged.targets, judged.values, strict=True):
            row = self.matrix.get(judged.labels[truth]) or {}
            free = 0.0 if truth == answer else 1.0
            found.append(row.get(judged.labels[answer], free))
        return float(np.mean(found))
