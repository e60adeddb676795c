"""Acceptance: what the plan wants of the model, judged pass or fail on the judged rows."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from weitiao import parts
from weitiao.errors import DataError, PlanError
from weitiao.evaluation.calibrate import quality
from weitiao.evaluation.evaluate import Evaluated, Report
from weitiao.evaluation.intervals import UNKNOWN, Interval, bootstrap, wilson
from weitiao.evaluation.metrics.base import Metric, label_counts, once, ratio
from weitiao.i18n.messages import _
from weitiao.parts import near
from weitiao.planfile.acceptance import OF_LABEL, Criterion
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.base import Task

if TYPE_CHECKING:
    from weitiao.model.model import Model

TIMED = 40  # rows that are answered one by one
WARM = 3  # before the clock counts
SLOWEST = 0.95  # of the answers come within the latency


@dataclass(frozen=True)
class Verdict:
    """One criterion, what the model reaches, and whether that is enough."""

    name: str
    label: str
    wanted: str  # "at_least" or "at_most"
    limit: float
    lower_bound: bool
    value: float
    low: float
    high: float
    passed: bool

    def plain(self) -> dict[str, Any]:
        return asdict(self)


class LabelScore(Metric):
    """Precision, recall or F1 of one label."""

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    name: str
    at: int

    def value(self, judged: Answers, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, given, true = (counts[:, self.at] for counts in label_counts(judged, weights))
        below = {"precision": given, "recall": true, "f1": (given + true) / 2}[self.name]
        return ratio(right, below, math.nan)


def known_criteria(acceptance: Mapping[str, Sequence[Criterion]], task: Task) -> None:
    """Raises PlanError for a label that the rows do not have, before anything is trained."""
    problems = [
        _("acceptance.{name}: no row has the label {label!r}.{hint}",
             name=name, label=one.label, hint=near(one.label, task.choices))
        for name, wanted in acceptance.items()
        for one in wanted
        if one.label and one.label not in task.choices
    ]  # fmt: skip
    if problems:
        raise PlanError(problems)


def accepted(model: Model, report: Report, answers: Evaluated) -> list[Verdict]:
    """Every criterion of the model's plan, judged on these answers."""
    found = []
    for name, wanted in model.plan.acceptance.items():
        for one in wanted:
            value, (low, high) = _figure(name, one, model, report, answers)
            worst = value
            if one.lower_bound:
                worst = low if one.at_least is not None else high
            found.append(
                Verdict(name, one.label, "at_most" if one.at_least is None else "at_least",
                        one.limit, one.lower_bound, value, low, high, one.reached(worst))
            )  # fmt: skip
    return found


def _figure(
    name: str, wanted: Criterion, model: Model, report: Report, answers: Evaluated
) -> tuple[float, Interval]:
    judged, samples = answers.judged, model.plan.evaluate.bootstrap_samples or 1000
    if name == "latency":
        return latency(model, answers), UNKNOWN
    if name == "ece":
        return quality(judged).ece, UNKNOWN
    if name in OF_LABEL:
        return _of_label(name, wanted.label, judged, samples)
    if name in report.intervals:
        return report.metrics[name], report.intervals[name]
    metric: Metric = parts.build("metrics", name)
    return metric.value(judged), bootstrap(judged, {name: metric}, samples)[name]


def _of_label(name: str, label: str, judged: Answers, samples: int) -> tuple[float, Interval]:
    if label not in judged.labels:
        raise DataError(_("acceptance.{name}: no row has the label {label!r}.{hint}", name=name,
                             label=label, hint=near(label, judged.labels)))  # fmt: skip
    metric = LabelScore(name=name, at=judged.labels.index(label))
    value = metric.value(judged)
    _unused, given, true = (
        int(counts[0, metric.at]) for counts in label_counts(judged, once(judged, None))
    )
    rows = {"precision": given, "recall": true, "f1": 0}[name]
    if rows:  # a share of these very rows
        return value, wilson(value, rows)
    return value, bootstrap(judged, {name: metric}, samples)[name]


def latency(model: Model, answers: Evaluated) -> float:
    """Seconds within which nineteen of twenty rows are answered, each asked alone."""
    picked = np.linspace(0, len(answers.rows) - 1, min(TIMED, len(answers.rows))).astype(int)
    examples = answers.rows.examples(picked)
    for example in examples[:WARM]:
        model.scores([example])
    found = []
    for example in examples:
        begin = time.perf_counter()
        model.task.decide(model.scores([example]))
        found.append(time.perf_counter() - begin)
    return float(np.quantile(found, SLOWEST))
