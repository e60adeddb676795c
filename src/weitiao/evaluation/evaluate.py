"""Ask the model, compare with the truth, say how sure the figures are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao import parts
from weitiao.core.ragged import Ragged, dealt
from weitiao.data.cache.encoded import Encoded
from weitiao.data.prepare.load import Rows
from weitiao.errors import PlanError
from weitiao.evaluation.baselines import Baseline
from weitiao.evaluation.intervals import bootstrap, difference
from weitiao.evaluation.metrics.base import Metric
from weitiao.i18n.messages import _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.base import Task

if TYPE_CHECKING:
    from accelerate import Accelerator

    from weitiao.model.model import Model


@dataclass(frozen=True)
class Report:
    """Figures of one set of answers. The first metric is the one that picks the best model."""

    metrics: Mapping[str, float]
    higher_is_better: bool
    rows: int
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of each baseline
    against: str = ""  # the best baseline
    # metric -> how much better than the best baseline: value, low, high; positive is better
    differences: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    # what else was found: calibration, acceptance, left_out; each as plain values
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def primary(self) -> str:
        return next(iter(self.metrics))

    @property
    def score(self) -> float:
        """The first metric, turned so that higher is better; undefined counts as worst."""
        value = self.metrics[self.primary]
        if math.isnan(value):
            return -math.inf
        return value if self.higher_is_better else -value

    def summary(self) -> dict[str, Any]:
        """The figures as plain values, for JSON."""
        return {
            "primary": self.primary,
            "metrics": dict(self.metrics),
            "intervals": {name: list(pair) for name, pair in self.intervals.items()},
            "baselines": {name: dict(values) for name, values in self.baselines.items()},
            "against": self.against,
            "differences": {name: list(found) for name, found in self.differences.items()},
            **self.more,
        }


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What was judged: the rows, the model's answers beside the truth, and the baselines'."""

    rows: Rows
    judged: Answers
    beside: Mapping[str, Answers]


def metrics_of(task: Task, names: Sequence[str] = ()) -> dict[str, Metric]:
    """The metrics a plan names, or the task's own. Raises PlanError when one does not fit."""
    metrics: dict[str, Metric] = {
        name: parts.build("metrics", name) for name in names or task.judged_by
    }
    wrong = [name for name, metric in metrics.items() if not metric.fits(task.answers)]
    if wrong:
        raise PlanError(
            [
                _(
                    "evaluate.metrics: {metric} does not fit {task}; it has {metrics}.",
                    metric=name,
                    task=type(task).__name__.lower(),
                    metrics=", ".join(task.metrics),
                )
                for name in wrong
            ]
        )
    return metrics


def measure(judged: Answers, metrics: Mapping[str, Metric]) -> Report:
    """The figures alone, without intervals."""
    values = {name: float(metric.value(judged)) for name, metric in metrics.items()}
    first = next(iter(metrics.values()))
    return Report(values, first.higher_is_better, len(judged.targets))


def judge(
    model: Model,
    net: Any,
    encoded: Encoded,
    truth: Any,
    accelerator: Accelerator | None = None,
) -> Report:
    """The figures of a network on encoded rows; several processes share the rows.

    truth: what is right for each example, as `Task.truth` gives it. Where questions may have no
    answer, the figures are those at the threshold that these rows would choose (best F1, as the
    script of SQuAD 2 has it): weights are not worse for a shift that is mended afterwards.
    """
    task = model.task
    world, rank = (accelerator.num_processes, accelerator.process_index) if accelerator else (1, 0)
    scores = model.scored(encoded, net, np.arange(encoded.examples)[rank::world])
    if world > 1:
        from accelerate.utils import gather_object

        from weitiao.model.sharded import Sharded

        if isinstance(net, Sharded):
            net.finish(model.batch(encoded, [0]))
        scores = dealt(gather_object([scores]))
    judged = task.judge(truth, scores)
    for name, settings in task.decisions_for({}).items():
        tuned = parts.build("decisions", name, settings).choose(task, judged)
        judged = task.model_copy(update=dict(tuned.settings)).judge(truth, scores)
    return measure(judged, metrics_of(task, model.plan.evaluate.metrics))


def evaluate(
    model: Model,
    rows: Rows,
    baselines: Mapping[str, Baseline] | None = None,
    step: Callable[[int], None] | None = None,
) -> tuple[Report, Evaluated]:
    """Judge a model on rows: figures, 95 % intervals, the baselines beside; and all answers."""
    plan, targets = model.plan.evaluate, rows.targets()
    task = model.task.widened(targets)  # a label the model cannot give is a mistake, no error
    truth = task.truth(rows)
    scores = model.scored(model.encode(rows), step=step)
    judged = task.judge(truth, _wide(scores, model.task, task))
    metrics = metrics_of(task, plan.metrics)
    report = measure(judged, metrics)
    intervals = bootstrap(judged, metrics, plan.bootstrap_samples) if plan.bootstrap_samples else {}
    texts = cache(lambda: texts_of(model, rows))
    beside = {
        name: task.plainly().judge(
            truth, _wide(baseline.score(rows if baseline.of_rows else texts()), model.task, task)
        )
        for name, baseline in (baselines or {}).items()
    }
    figures = {name: measure(answers, metrics) for name, answers in beside.items()}
    best = max(figures, key=lambda name: figures[name].score, default="")
    found = replace(
        report,
        intervals=intervals,
        baselines={name: dict(one.metrics) for name, one in figures.items()},
        details={name: dict(one.detail) for name, one in (baselines or {}).items()},
        against=best,
        differences=_differences(judged, beside[best], metrics, plan.bootstrap_samples)
        if best and plan.bootstrap_samples
        else {},
    )
    return found, Evaluated(rows, judged, beside)


def _differences(
    judged: Answers, best: Answers, metrics: Mapping[str, Metric], samples: int
) -> dict[str, tuple[float, float, float]]:
    """Of the first metric and of the plain one; each costs as much as its interval."""
    first = next(iter(metrics))
    wanted = {first: metrics[first]}
    if plain := judged.plain_metric:
        wanted[plain] = parts.build("metrics", plain)
    return difference(judged, best, wanted, samples)


def _wide(scores: Any, known: Task, task: Task) -> Any:
    """Scores with a column of nothing for each label that cannot be given."""
    more = task.outputs - known.outputs
    if isinstance(scores, Ragged) and more:
        return replace(scores, values=np.pad(scores.values, ((0, 0), (0, more))))
    return np.pad(scores, ((0, 0), (0, more))) if more else scores


def texts_of(model: Model, rows: Rows) -> list[list[str]]:
    """The cleaned texts of rows, one list a role, for the baselines."""
    found: list[list[str]] = []
    for examples in rows.batches():
        # Where answers are places in the texts, these stay as they came.
        examples = examples if model.task.per_token else list(model.clean(examples))
        for role, texts in enumerate(model.task.texts(examples)):
            if role == len(found):
                found.append([])
            found[role] += texts
    return found
