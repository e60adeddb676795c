"""Decisions to give no answer: below a confidence, or where a passage holds none."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from weitiao.evaluation.decisions.base import Choice, Decision
from weitiao.i18n.messages import _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import BEST_OVERLAP, MARGIN, OVERLAP, Passages
from weitiao.tasks.base import Task

FEWEST = 10  # rows that must be answered before their share says something


class Abstain(Decision):
    """Leave the least sure rows to people: below a score no answer is given.

    When to use: somebody can look at what the model leaves. Either as many rows as possible with
    this share right (accuracy), or this share of the rows, the surest (coverage).
    """

    accuracy: float | None = Field(None, gt=0, le=1, description="share right of those answered")
    coverage: float | None = Field(None, gt=0, lt=1, description="share of rows answered")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.accuracy is None) == (self.coverage is None):
            raise ValueError(_("give either accuracy or coverage, e.g. {{accuracy: 0.95}}."))
        return self

    def choose(self, task: Task, judged: Answers) -> Choice:
        sure, right = judged.confidence(), judged.right()
        order = np.argsort(-sure, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(sure[order]) < 0, True))
        share = (np.cumsum(right[order]) / np.arange(1, len(order) + 1))[ends]
        met = True
        if self.coverage is not None:
            at = int(np.searchsorted(ends + 1, self.coverage * len(order)))
            at = min(at, len(ends) - 1)
        else:
            assert self.accuracy is not None
            enough = (share >= self.accuracy - 1e-12) & (ends + 1 >= min(FEWEST, len(order)))
            met = bool(enough.any())
            at = int(np.flatnonzero(enough)[-1]) if met else int(share.argmax())
        last = ends[at]
        below = sure[order][last + 1] if last + 1 < len(order) else 0.0
        score = float((sure[order][last] + below) / 2)
        figures = {"score": score, "coverage": float((last + 1) / len(order)),
                   "accuracy": float(share[at])}  # fmt: skip
        return Choice({"abstain": min(score, 1 - 1e-6)}, met, figures)


class NoAnswer(Decision):
    """Give no answer where "none" scores above the best passage by more than a threshold: the one
    with the highest F1 on validation (Rajpurkar et al. 2018).

    Chosen by itself where training rows have questions without an answer.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Passages,)

    def choose(self, task: Task, judged: Answers) -> Choice:
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
