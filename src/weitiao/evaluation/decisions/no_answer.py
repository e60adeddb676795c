"""From where on a question gets "no answer"."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.decisions.base import Choice, Decision
from weitiao.tasks.base import BEST_OVERLAP, MARGIN, OVERLAP, Judged, Task


class NoAnswer(Decision):
    """Give no answer where "none" scores above the best passage by more than a threshold: the one
    with the highest F1 on validation (Rajpurkar et al. 2018).

    Chosen by itself where training rows have questions without an answer.
    """

    kinds: ClassVar[tuple[str, ...]] = ("spans",)

    def choose(self, task: Task, judged: Judged) -> Choice:
        margin, gained = judged.counts[:, MARGIN], judged.counts[:, BEST_OVERLAP]
        silent = np.array([not golds for golds in judged.targets], float)  # "" is right there
        order = np.argsort(-margin, kind="stable")
        ordered = margin[order]
        # Answering the first k of the rows, and no other: k from 0 on.
        answered = np.concatenate([[0.0], np.cumsum(gained[order])])
        unanswered = silent.sum() - np.concatenate([[0.0], np.cumsum(silent[order])])
        f1 = (answered + unanswered) / len(order)
        apart = np.concatenate([[True], ordered[1:] < ordered[:-1], [True]])
        at = int(np.where(apart, f1, -1.0).argmax())
        above = ordered[at - 1] if at else ordered[0] + 2.0
        below = ordered[at] if at < len(order) else ordered[-1] - 2.0
        limit = -float(above + below) / 2  # in the middle, so that rounding does not decide
        figures = {
            "null_threshold": limit,
            "f1": float(f1[at]),
            "untuned": float(judged.counts[:, OVERLAP].mean()),
            "answered": at / len(order),
        }
        return Choice({"null_threshold": limit}, True, figures)
