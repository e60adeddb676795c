"""A threshold from which one label can be believed."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from weitiao.evaluation.decisions.base import Choice, Decision, limits_of, with_threshold
from weitiao.tasks.base import Judged, Task


class AtPrecision(Decision):
    """The best recall at a precision: of the rows that get the label, at least this share has it.

    When to use: a false alarm is worse than what is missed (an account that is closed by mistake).
    """

    label: str = Field(description="the label that must be right when it is given")
    precision: float = Field(0.9, gt=0, le=1, description="share of its answers that are right")

    def choose(self, task: Task, judged: Judged) -> Choice:
        limits = limits_of(judged, self.label)
        if not limits.true:
            return Choice({}, False, {"label": self.label, "true": 0})
        enough = (limits.precision >= self.precision - 1e-12) & (limits.right > 0)
        if not enough.any():  # as near as it gets
            most = int(np.where(limits.right > 0, limits.precision, -1.0).argmax())
            return with_threshold(task, self.label, limits, most, met=False)
        best = int(np.where(enough, limits.recall, -1.0).argmax())
        return with_threshold(task, self.label, limits, best)
