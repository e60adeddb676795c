"""Evaluation of a model: metrics with confidence intervals, compared with the baselines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao import parts
from weitiao.core import html
from weitiao.core.ragged import Ragged, dealt
from weitiao.core.units import score
from weitiao.data.cache.encoded import Encoded
from weitiao.data.prepare.load import Rows
from weitiao.evaluation.baselines import Baseline, task_of
from weitiao.evaluation.intervals import bootstrap, difference
from weitiao.evaluation.metrics.base import Metric, metrics_of
from weitiao.i18n.messages import _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.base import Task

if TYPE_CHECKING:
    from accelerate import Accelerator

    from weitiao.model.model import Model
from weitiao.evaluation.metrics.classification import Accuracy
from weitiao.labels.hierarchy import levels_of


@dataclass(frozen=True, repr=False)
class Report:
    """Metrics of one set of answers. The first one selects the best checkpoint."""

    metrics: Mapping[str, float]
    higher_is_better: bool
    rows: int
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of each baseline
    against: str = ""  # the best baseline
    # metric -> how much better than the best baseline: value, low, high; positive is better
    differences: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    # calibration, acceptance, left_out; each as plain values
    more: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {score(value, 4)}" for name, value in self.metrics.items())
        return f"Report({self.rows} rows, {figures})"

    def _repr_html_(self, caption: str = "") -> str:
        head = [_("metric"), _("model"), _("95 % interval"), *self.baselines]
        rows = []
        for name, value in self.metrics.items():
            low, high = (score(one, 4) for one in self.intervals.get(name, (math.nan, math.nan)))
            others = (score(values[name], 4) for values in self.baselines.values())
            rows.append([name, score(value, 4), _("{low} to {high}", low=low, high=high), *others])
        return html.table(head, rows, caption)

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
        """Plain values, for JSON."""
        return {
            "primary": self.primary,
            "metrics": dict(self.metrics),
            "intervals": {name: list(pair) for name, pair in self.intervals.items()},
            "baselines": {name: dict(values) for name, values in self.baselines.items()},
            "against": self.against,
            "differences": {name: list(triple) for name, triple in self.differences.items()},
            **self.more,
        }


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Evaluated rows with the answers of the model and of the baselines."""

    rows: Rows
    answers: Answers
    baselines: Mapping[str, Answers]


def measure(answers: Answers, metrics: Mapping[str, Metric]) -> Report:
    """The metrics alone, without intervals."""
    values = {name: float(metric.value(answers)) for name, metric in metrics.items()}
    first = next(iter(metrics.values()))
    return Report(values, first.higher_is_better, len(answers.targets))


def evaluate_network(
    model: Model,
    net: Any,
    encoded: Encoded,
    gold: Any,
    accelerator: Accelerator | None = None,
) -> Report:
    """Metrics of a network on encoded rows, during training; processes share the rows.

    gold: the target of each example, as `Task.gold` returns it. Of several labels, and where
    questions may have no answer, the metrics are those at the thresholds that these rows would
    choose (best F1, as the script of SQuAD 2 does): a checkpoint is not worse for an offset that
    the thresholds correct afterwards. Of texts it is the loss of their tokens: it needs no writing,
    and it moves where BLEU of few rows stands still.
    """
    task = model.task
    if task.writes:
        return _loss_report(model, net, encoded, gold, accelerator)
    world, rank = (accelerator.num_processes, accelerator.process_index) if accelerator else (1, 0)
    scores = model.scored(encoded, net, np.arange(encoded.examples)[rank::world])
    if world > 1:
        from accelerate.utils import gather_object

        from weitiao.model.sharded import Sharded

        if isinstance(net, Sharded):
            # A collective operation for each layer: processes with fewer batches must catch up.
            net.finish(model.batch(encoded, [0]))
        scores = dealt(gather_object([scores]))
    answers = task.to_answers(gold, scores)
    for name, settings in task.decisions_for({}).items():
        tuned = parts.build("decisions", name, settings).choose(task, answers)
        answers = task.model_copy(update=dict(tuned.settings)).to_answers(gold, scores)
    return measure(answers, metrics_of(task, model.plan.evaluate.metrics))


def _loss_report(
    model: Model, net: Any, encoded: Encoded, gold: Any, accelerator: Accelerator | None
) -> Report:
    """The mean loss a token of the targets, lower is better."""
    from weitiao.model.writing import target_losses

    world, rank = (accelerator.num_processes, accelerator.process_index) if accelerator else (1, 0)
    labels = model.task.labels_for(encoded, gold)
    sums = target_losses(model, encoded, labels, net, np.arange(len(encoded))[rank::world])
    if world > 1:
        from accelerate.utils import gather_object

        sums = np.concatenate(gather_object([sums]))
    loss, tokens = sums.sum(0)
    return Report({"loss": float(loss / max(tokens, 1))}, False, encoded.examples)


def judged_part(model: Model, rows: Rows) -> Rows:
    """The rows that are evaluated: all, or where texts are written, which takes long, at most so
    many as the plan says, drawn by its seed."""
    most = getattr(model.task, "written_rows", 0)
    if not 0 < most < len(rows):
        return rows
    drawn = np.random.default_rng(model.plan.train.seed).permutation(len(rows))[:most]
    return rows.take(np.sort(drawn))


def evaluate(
    model: Model,
    rows: Rows,
    baselines: Mapping[str, Baseline] | None = None,
    step: Callable[[int], None] | None = None,
) -> tuple[Report, Evaluated]:
    """Evaluate a model on rows: metrics with 95% intervals, baselines, differences; and answers."""
    plan = model.plan.evaluate
    task, gold, answers = answers_of(model, rows, step)
    metrics = metrics_of(task, plan.metrics)
    report = measure(answers, metrics)
    samples = plan.bootstrap_samples
    texts = cache(lambda: texts_of(model, rows))
    others = {
        name: baseline_answers(
            baseline, rows if baseline.of_rows else texts(), gold, model.task, task
        )
        for name, baseline in (baselines or {}).items()
    }
    figures = {name: measure(other, metrics) for name, other in others.items()}
    best = max(figures, key=lambda name: figures[name].score, default="")
    report = replace(
        report,
        intervals=bootstrap(answers, metrics, samples) if samples else {},
        baselines={name: dict(one.metrics) for name, one in figures.items()},
        details={name: dict(one.detail) for name, one in (baselines or {}).items()},
        against=best,
        differences=_differences(answers, others[best], metrics, samples)
        if best and samples
        else {},
    )
    return report, Evaluated(rows, answers, others)


def answers_of(
    model: Model, rows: Rows, step: Callable[[int], None] | None = None
) -> tuple[Task, Any, Answers]:
    """The model's answers, with the gold targets of the rows, and its task with their labels."""
    task = model.task.widened(rows.targets())  # a label that the model does not know is a mistake
    gold = task.gold(rows)
    scores = model.scores_of(rows, step)
    return task, gold, task.to_answers(gold, _wide(scores, model.task, task))


def baseline_answers(
    baseline: Baseline, inputs: Any, gold: Any, known: Task, task: Task
) -> Answers:
    """The answers of a baseline, by argmax or its own thresholds: decision rules were tuned on a
    network's scores.

    inputs: rows or texts, as `Baseline.score` takes them. known: the task that it was fitted to;
    task: the same, with the labels of these rows.
    """
    scores = _wide(baseline.score(inputs), known, task)
    return task_of(baseline, task).to_answers(gold, scores)


def _differences(
    answers: Answers, best: Answers, metrics: Mapping[str, Metric], samples: int
) -> dict[str, tuple[float, float, float]]:
    """Paired differences of the first metric and of the plain one; others would cost as much."""
    first = next(iter(metrics))
    compared = {first: metrics[first]}
    if plain := answers.plain_metric:
        compared[plain] = parts.build("metrics", plain)
    return difference(answers, best, compared, samples)


def _wide(scores: Any, known: Task, task: Task) -> Any:
    """Scores padded with a column of zeros for each label that the model does not know."""
    more = task.outputs - known.outputs
    if isinstance(scores, Ragged) and more:
        return replace(scores, values=np.pad(scores.values, ((0, 0), (0, more))))
    return np.pad(scores, ((0, 0), (0, more))) if more else scores


def texts_of(model: Model, rows: Rows) -> list[list[str]]:
    """The cleaned texts of rows, one list a role, for the baselines."""
    roles: list[list[str]] = []
    for examples in rows.batches():
        # Character offsets of targets refer to the texts as they are in the file.
        examples = examples if model.task.per_token else list(model.clean(examples))
        for role, texts in enumerate(model.task.texts(examples)):
            if role == len(roles):
                roles.append([])
            roles[role] += texts
    return roles


def absent_labels(answers: Answers) -> list[str]:
    """Labels that the model knows and of which no evaluated row is: metrics say nothing of them."""
    _right, _predicted, gold = answers.label_counts(np.ones((1, len(answers.targets))))
    counts = gold[0] if gold.shape[1] == len(answers.labels) else []
    return [name for name, count in zip(answers.labels, counts, strict=False) if not count]


def level_accuracies(answers: Answers, samples: int) -> list[dict[str, Any]]:
    """Accuracy at each level of hierarchical labels, the top first; empty for flat labels."""
    if not answers.separator:
        return []
    levels = []
    for depth, level in enumerate(levels_of(answers.labels, answers.separator), 1):
        at_level = replace(
            answers,
            targets=level.of[answers.targets],
            values=level.of[answers.values],
            scores=level.sums(answers.scores),
            labels=level.names,
            separator="",
        )
        accuracy = Accuracy().value(at_level)
        entry: dict[str, Any] = {"level": depth, "nodes": len(level.names), "accuracy": accuracy}
        if samples:
            interval = bootstrap(at_level, {"accuracy": Accuracy()}, samples)["accuracy"]
            entry["low"], entry["high"] = interval
        levels.append(entry)
    return levels
