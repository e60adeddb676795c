"""A threshold that finds enough of one label."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from weitiao.evaluation.decisions.base import Choice, Decision, limits_of, with_threshold
from weitiao.tasks.base import Judged, Task


class AtRecall(Decision):
    """The best precision at a recall: find at least this share of the label's rows.

    When to use: what is missed is worse than a false alarm (spam that gets through, a complaint
    nobody reads).
    """

    label: str = Field(description="the label that must be found")
    recall: float = Field(0.9, gt=0, le=1, description="share of its rows that must be found")

    def choose(self, task: Task, judged: Judged) -> Choice:
        limits = limits_of(judged, self.label)
        enough = limits.recall >= self.recall - 1e-12
        if not enough.any():  # validation has no row of the label
            return Choice({}, False, {"label": self.label, "true": limits.true})
        best = int(np.where(enough, limits.precision, -1.0).argmax())
        return with_threshold(task, self.label, limits, best)
