"""Acceptance testing: the plan's criteria for metrics, latency and calibration, pass or fail."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from weitiao import parts
from weitiao.errors import DataError, PlanError
from weitiao.evaluation.calibration import quality
from weitiao.evaluation.evaluate import Evaluated, Report
from weitiao.evaluation.intervals import UNKNOWN, Interval, bootstrap, wilson
from weitiao.evaluation.metrics.base import Metric, label_counts, once, ratio
from weitiao.i18n.messages import _
from weitiao.parts import near
from weitiao.planfile.acceptance import OF_LABEL, OF_UNKNOWN, Criterion
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.base import Task

if TYPE_CHECKING:
    from weitiao.model.model import Model

LATENCY_ROWS = 40  # that are predicted one by one
WARMUP_ROWS = 3
LATENCY_QUANTILE = 0.95


@dataclass(frozen=True)
class Verdict:
    """The result of one acceptance criterion: the value with its interval, and passed or not."""

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

    def value(self, answers: Answers, weights: np.ndarray | None = None) -> float:
        return float(self.values(answers, once(answers, weights))[0])

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = (counts[:, self.at] for counts in label_counts(answers, weights))
        denominator = {"precision": predicted, "recall": gold, "f1": (predicted + gold) / 2}[
            self.name
        ]
        return ratio(correct, denominator, math.nan)


def known_criteria(acceptance: Mapping[str, Sequence[Criterion]], task: Task) -> None:
    """Raises PlanError for a label that the rows do not have, before anything is trained."""
    problems = [
        _(
            "acceptance.{name}: no row has the label {label!r}.{hint}",
            name=name,
            label=one.label,
            hint=near(one.label, task.choices),
        )
        for name, criteria in acceptance.items()
        for one in criteria
        if one.label and one.label not in task.choices
    ]
    if problems:
        raise PlanError(problems)


def accepted(model: Model, report: Report, evaluated: Evaluated) -> list[Verdict]:
    """The verdict on every criterion of the model's plan, on these answers."""
    verdicts = []
    for name, criteria in model.plan.acceptance.items():
        for criterion in criteria:
            value, (low, high) = _measure(name, criterion, model, report, evaluated)
            bound = value
            if criterion.lower_bound:
                bound = low if criterion.at_least is not None else high
            verdicts.append(
                Verdict(
                    name=name,
                    label=criterion.label,
                    wanted="at_most" if criterion.at_least is None else "at_least",
                    limit=criterion.limit,
                    lower_bound=criterion.lower_bound,
                    value=value,
                    low=low,
                    high=high,
                    passed=criterion.reached(bound),
                )
            )
    return verdicts


def _measure(
    name: str, criterion: Criterion, model: Model, report: Report, evaluated: Evaluated
) -> tuple[float, Interval]:
    answers, samples = evaluated.answers, model.plan.evaluate.bootstrap_samples or 1000
    if name == "latency":
        return latency(model, evaluated), UNKNOWN
    if name == "ece":
        return quality(answers).ece, UNKNOWN
    if name in OF_UNKNOWN:
        return _of_unknown(name, report.more.get("unknown") or {})
    if name in OF_LABEL:
        return _of_label(name, criterion.label, answers, samples)
    if name in report.intervals:
        return report.metrics[name], report.intervals[name]
    metric: Metric = parts.build("metrics", name)
    return metric.value(answers), bootstrap(answers, {name: metric}, samples)[name]


def _of_label(name: str, label: str, answers: Answers, samples: int) -> tuple[float, Interval]:
    if label not in answers.labels:
        raise DataError(
            _(
                "acceptance.{name}: no row has the label {label!r}.{hint}",
                name=name,
                label=label,
                hint=near(label, answers.labels),
            )
        )
    metric = LabelScore(name=name, at=answers.labels.index(label))
    value = metric.value(answers)
    _correct, predicted, gold = (
        int(counts[0, metric.at]) for counts in label_counts(answers, once(answers, None))
    )
    rows = {"precision": predicted, "recall": gold, "f1": 0}[name]
    if rows:  # precision and recall are proportions of these rows; F1 is none
        return value, wilson(value, rows)
    return value, bootstrap(answers, {name: metric}, samples)[name]


def _of_unknown(name: str, figures: Mapping[str, Any]) -> tuple[float, Interval]:
    """A figure of out-of-scope detection; NaN, which passes nothing, where no row tells it."""
    field = name.partition("_")[2]
    low, high = figures.get(f"{field}_interval") or UNKNOWN
    return figures.get(field, math.nan), (low, high)


def latency(model: Model, evaluated: Evaluated) -> float:
    """The 95th percentile of the latency in seconds, at batch size 1."""
    picked = np.linspace(0, len(evaluated.rows) - 1, min(LATENCY_ROWS, len(evaluated.rows))).astype(
        int
    )
    examples = evaluated.rows.examples(picked)
    for example in examples[:WARMUP_ROWS]:
        model.scores([example])
    seconds = []
    for example in examples:
        start = time.perf_counter()
        model.task.decide(model.scores([example]))
        seconds.append(time.perf_counter() - start)
    return float(np.quantile(seconds, LATENCY_QUANTILE))
