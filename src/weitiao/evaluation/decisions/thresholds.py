"""Decision rules tuned on validation rows: thresholds, selective prediction, expected cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from weitiao.errors import DataError
from weitiao.evaluation.decisions.base import (
    Choice,
    Decision,
    ThresholdCurve,
    check_label,
    curve_of,
    threshold_curve,
    with_threshold,
)
from weitiao.i18n.messages import _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.passages import BEST_OVERLAP, MARGIN, OVERLAP, Passages
from weitiao.tasks.base import Cost, Task


class BestF1(Decision):
    """The threshold with the best F1 of a label, or of every label where a row may have several.

    When to use: labels are rare, and finding them counts as much as being right about them.
    """

    label: str = Field("", description="empty: each of several labels, or the rarer of two")
    fewest: int = Field(
        0, ge=0, description="labels with fewer rows share one threshold, with the best F1 of all"
    )

    def choose(self, task: Task, answers: Answers) -> Choice:
        thresholds: dict[str, float] = {}
        figures: list[Mapping[str, Any]] = []
        curves = {label: threshold_curve(answers, label) for label in self._labels(answers)}
        rare = [label for label, curve in curves.items() if curve.gold < self.fewest]
        for label, curve in curves.items():
            if label not in rare and curve.gold:
                choice = with_threshold(task, label, curve, _best_f1(curve))
                thresholds |= choice.settings["thresholds"]
                figures.append(choice.figures)
        columns = [answers.labels.index(label) for label in rare]
        gold = np.array([answers.has_label(at) for at in columns], bool).T
        if gold.any():
            shared = curve_of(answers.scores[:, columns].ravel(), gold.ravel())
            value = float(shared.values[_best_f1(shared)])
            thresholds |= dict.fromkeys(rare, value)
            figures += [{"label": label, **_figures_at(answers, label, value)} for label in rare]
        return Choice({"thresholds": thresholds}, bool(thresholds), {"labels": figures})

    def _labels(self, answers: Answers) -> tuple[str, ...]:
        if self.label:
            return (self.label,)
        if isinstance(answers, LabelSets):
            return answers.labels
        if len(answers.labels) > 2:
            raise DataError(
                _(
                    "evaluate.decisions.best_f1: there are {count} labels; name one, e.g. "
                    "{{label: {label}}}.",
                    count=len(answers.labels),
                    label=answers.labels[0],
                )
            )
        counts = np.bincount(answers.targets, minlength=2)
        return (answers.labels[int(counts.argmin())],)


def _best_f1(curve: ThresholdCurve) -> int:
    """Among thresholds with the same F1, the one nearest to 0.5."""
    best = curve.f1 >= curve.f1.max() - 1e-12
    return int(np.where(best, -np.abs(curve.values - 0.5), -np.inf).argmax())


def _figures_at(answers: Answers, label: str, value: float) -> dict[str, float]:
    """Validation metrics of a label at a threshold that is not its own."""
    at = answers.labels.index(label)
    given, gold = answers.scores[:, at] >= value, answers.has_label(at)
    correct, predicted, true = int((given & gold).sum()), int(given.sum()), int(gold.sum())
    return {
        "threshold": value,
        "precision": correct / max(predicted, 1),
        "recall": correct / max(true, 1),
        "f1": 2 * correct / max(predicted + true, 1),
        "true": true,
    }


class AtPrecision(Decision):
    """The best recall at a precision: of the rows predicted as the label, at least this proportion.

    When to use: a false alarm is worse than what is missed (an account that is closed by mistake).
    """

    label: str = Field(description="the label that must be right when it is given")
    precision: float = Field(0.9, gt=0, le=1, description="share of its answers that are right")

    def choose(self, task: Task, answers: Answers) -> Choice:
        curve = threshold_curve(answers, self.label)
        if not curve.gold:
            return Choice({}, False, {"label": self.label, "true": 0})
        reached = (curve.precision >= self.precision - 1e-12) & (curve.correct > 0)
        if not reached.any():  # the highest precision there is
            closest = int(np.where(curve.correct > 0, curve.precision, -1.0).argmax())
            return with_threshold(task, self.label, curve, closest, met=False)
        best = int(np.where(reached, curve.recall, -1.0).argmax())
        return with_threshold(task, self.label, curve, best)


class AtRecall(Decision):
    """The best precision at a recall: find at least this proportion of the label's rows.

    When to use: what is missed is worse than a false alarm (spam that gets through, a complaint
    nobody reads).
    """

    label: str = Field(description="the label that must be found")
    recall: float = Field(0.9, gt=0, le=1, description="share of its rows that must be found")

    def choose(self, task: Task, answers: Answers) -> Choice:
        curve = threshold_curve(answers, self.label)
        reached = curve.recall >= self.recall - 1e-12
        if not reached.any():  # validation has no row of the label
            return Choice({}, False, {"label": self.label, "true": curve.gold})
        best = int(np.where(reached, curve.precision, -1.0).argmax())
        return with_threshold(task, self.label, curve, best)


FEWEST_ROWS = 10  # answered; with fewer, their accuracy says nothing


class Abstain(Decision):
    """Selective prediction: no answer below a confidence, so that people decide these rows.

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

    def choose(self, task: Task, answers: Answers) -> Choice:
        confidence, correct = answers.confidence(), answers.right()
        order = np.argsort(-confidence, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(confidence[order]) < 0, True))
        accuracy = (np.cumsum(correct[order]) / np.arange(1, len(order) + 1))[ends]
        met = True
        if self.coverage is not None:
            at = int(np.searchsorted(ends + 1, self.coverage * len(order)))
            at = min(at, len(ends) - 1)
        else:
            assert self.accuracy is not None
            reached = (accuracy >= self.accuracy - 1e-12) & (
                ends + 1 >= min(FEWEST_ROWS, len(order))
            )
            met = bool(reached.any())
            at = int(np.flatnonzero(reached)[-1]) if met else int(accuracy.argmax())
        last = ends[at]
        below = confidence[order][last + 1] if last + 1 < len(order) else 0.0
        score = float((confidence[order][last] + below) / 2)
        figures = {
            "score": score,
            "coverage": float((last + 1) / len(order)),
            "accuracy": float(accuracy[at]),
        }
        return Choice({"abstain": min(score, 1 - 1e-6)}, met, figures)


class NoAnswer(Decision):
    """The threshold of "no answer" with the highest F1 on validation, on the score of "none" minus
    that of the best passage (Rajpurkar et al. 2018).

    Chosen by itself where training rows have questions without an answer.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Passages,)

    def choose(self, task: Task, answers: Answers) -> Choice:
        margin, f1_gained = answers.counts[:, MARGIN], answers.counts[:, BEST_OVERLAP]
        unanswerable = np.array([not golds for golds in answers.targets], float)
        order = np.argsort(-margin, kind="stable")
        ordered = margin[order]
        # F1 for every k: answer the k rows with the highest margins, and none of the others.
        answered = np.concatenate([[0.0], np.cumsum(f1_gained[order])])
        unanswered = unanswerable.sum() - np.concatenate([[0.0], np.cumsum(unanswerable[order])])
        f1 = (answered + unanswered) / len(order)
        is_cut = np.concatenate([[True], ordered[1:] < ordered[:-1], [True]])
        at = int(np.where(is_cut, f1, -1.0).argmax())
        above = ordered[at - 1] if at else ordered[0] + 2.0
        below = ordered[at] if at < len(order) else ordered[-1] - 2.0
        limit = -float(above + below) / 2  # the midpoint, robust against rounding
        figures = {
            "null_threshold": limit,
            "f1": float(f1[at]),
            "untuned": float(answers.counts[:, OVERLAP].mean()),
            "answered": at / len(order),
        }
        return Choice({"null_threshold": limit}, True, figures)


class Costs(Decision):
    """Cost-sensitive decision: the prediction with the lowest expected cost, by a cost matrix.

    When to use: mistakes have prices that differ, {spam: {ham: 1}, ham: {spam: 20}}.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels,)
    matrix: dict[str, dict[str, Cost]] = Field(
        description="truth -> answer -> what this mistake costs; what is not named costs 1"
    )

    def choose(self, task: Task, answers: Answers) -> Choice:
        named = [*self.matrix, *(label for row in self.matrix.values() for label in row)]
        for label in named:
            check_label(answers, label)
        priced = task.model_copy(update={"costs": self.matrix})
        decided = priced.to_answers(answers.targets, answers.scores)
        figures = {"before": self._mean(answers), "after": self._mean(decided)}
        return Choice({"costs": self.matrix}, True, figures)

    def _mean(self, answers: Answers) -> float:
        """The mean cost of a prediction: sum of cost[gold, predicted] / n."""
        costs = []
        for gold, predicted in zip(answers.targets, answers.values, strict=True):
            row = self.matrix.get(answers.labels[gold]) or {}
            free = 0.0 if gold == predicted else 1.0
            costs.append(row.get(answers.labels[predicted], free))
        return float(np.mean(costs))
