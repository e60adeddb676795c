"""Measurement of candidates on a sample of the user's rows: scores of a linear model on the frozen
features, time of a row.

    one = measured(candidate, sample)
    one.score, one.low, one.high     the first metric of leave-one-out predictions
    gap(one, other)                  paired difference on the same rows: value, low, high
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.core import clock
from weitiao.data.rows import Rows
from weitiao.evaluation import transferability
from weitiao.evaluation.intervals import bootstrap, difference
from weitiao.evaluation.layer_features import layer_means
from weitiao.evaluation.metrics.base import Metric, metrics_of
from weitiao.planfile.plan import Plan
from weitiao.planning.candidates import Candidate
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.base import Task

ROWS = 400  # of the sample, where there is time for so many
FEWEST_ROWS = 30  # with fewer, intervals say nothing
RESAMPLES = 500
ALONE_ROWS = 15  # read one by one for the latency
ALONE_SECONDS = 4.0  # at most
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled rows to measure on, with what their task makes of the targets."""

    rows: Rows
    task: Task
    gold: Any
    metric_name: str
    max_length: int

    @classmethod
    def of(cls, rows: Rows, plan: Plan) -> Sample:
        """The sample for a plan's task and first metric; a row's copies count once."""
        rows = rows.take(_first_of_each(rows))
        name, settings = next(iter(plan.task.items()))
        targets = rows.targets()
        task: Task = parts.build("tasks", name, settings).learn(targets)
        task = task.spelled_like(rows)
        metrics = metrics_of(task, plan.evaluate.metrics)
        gold = task.gold(rows)
        return cls(rows, task, gold, next(iter(metrics)), plan.model.max_length)

    @property
    def metric(self) -> Metric:
        metric: Metric = parts.build("metrics", self.metric_name)
        return metric

    @cached_property
    def targets(self) -> np.ndarray:
        """A column for each label, or the number, (rows, outputs)."""
        gold = np.asarray(self.gold)
        if self.task.problem_type == "single_label_classification":
            return np.eye(self.task.outputs)[gold]
        return gold.reshape(len(gold), -1).astype(np.float64)

    @property
    def smallest_label(self) -> int | None:
        """Rows of the rarest label of the sample; None where targets are numbers."""
        if self.task.problem_type == "regression":
            return None
        return int(self.targets.sum(0).min())

    def answers(self, scores: np.ndarray) -> Answers:
        """What a linear model's outputs answer."""
        numbers = self.task.problem_type == "regression"
        return self.task.to_answers(self.gold, self.task.score(scores) if numbers else scores)


def _first_of_each(rows: Rows) -> np.ndarray:
    """Positions of rows whose texts stand for the first time: a copy would predict its original."""
    seen: set[tuple[str, ...]] = set()
    first = []
    for at, example in enumerate(rows.examples(range(len(rows)))):
        key = tuple(str(text) for text in example.inputs.values())
        if key not in seen:
            seen.add(key)
            first.append(at)
    return np.array(first, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Measured:
    """A candidate on the sample. score, low, high: of leave-one-out predictions of the linear
    model, in the first metric; row_seconds: of a forward pass in batches; latency: seconds of one
    text alone, where it was measured."""

    candidate: Candidate
    answers: Answers
    score: float
    low: float
    high: float
    neighbours: float
    log_me: float
    h_score: float | None
    row_seconds: float
    rows: int
    seconds: float  # that measuring took
    memory_mb: float = math.nan
    latency: float | None = None

    @property
    def name(self) -> str:
        return self.candidate.name


def measured(candidate: Candidate, sample: Sample) -> Measured:
    """Measure a candidate: one forward pass over the sample, all scores from its features.

    Raises ModelError when the checkpoint cannot be loaded.
    """
    begin = time.perf_counter()
    read = layer_means(sample.rows, candidate.name, most=_most(sample, candidate))
    targets, metric = sample.targets, sample.metric
    answers = sample.answers(transferability.probe(read.vectors, targets).scores)
    score = metric.value(answers)
    low, high = bootstrap(answers, {"": metric}, RESAMPLES)[""]
    near = sample.answers(transferability.neighbours(read.vectors, targets))
    labels = sample.task.problem_type == "single_label_classification"
    return Measured(
        candidate,
        answers,
        score,
        low,
        high,
        metric.value(near),
        transferability.log_me(read.vectors, targets),
        transferability.h_score(read.vectors, targets) if labels else None,
        read.seconds / max(len(sample.rows), 1),
        len(sample.rows),
        time.perf_counter() - begin,
    )


def _most(sample: Sample, candidate: Candidate) -> int:
    from weitiao.evaluation.layer_features import TOKENS

    return max(min(TOKENS, sample.max_length, candidate.network.max_length), 8)


def gap(one: Measured, other: Measured, metric: Metric) -> tuple[float, float, float]:
    """The paired difference of two candidates on the same rows, the first less the second: value,
    low, high (95 %); positive is better."""
    return difference(one.answers, other.answers, {"": metric}, RESAMPLES)[""]


def latency(candidate: Candidate, sample: Sample, plan: Plan) -> float:
    """Median seconds of one text alone, tokenising included, through the layout that predictions
    run in. The length of texts is that of the sample."""
    from weitiao.model.model import Model

    changes = {"model.checkpoint": candidate.name, "model.head": "native"}
    model = Model.start(plan.with_(changes), sample.rows)
    model.net.eval()
    places = np.linspace(0, len(sample.rows) - 1, ALONE_ROWS).astype(int)
    examples = sample.rows.examples(places)
    model.scores(examples[:1])  # the first pass is slower
    times: list[float] = []
    begin = time.perf_counter()
    for example in examples:
        watch = clock.stopwatch()
        model.scores([example])
        times.append(watch())
        if time.perf_counter() - begin > ALONE_SECONDS:
            break
    return float(np.median(times))


def texts_of(rows: Rows, count: int) -> list[str]:
    """Texts of some rows, those of a pair joined."""
    examples = rows.examples(range(min(count, len(rows))))
    return [" ".join(str(text) for text in one.inputs.values()) for one in examples]


def measurable(task: type[Task] | Task) -> bool:
    """Whether quality can be measured without training: one answer for a whole text."""
    return task.head == "sequence" and task.problem_type in PROBLEMS


def tokens_a_text(candidate: Candidate, texts: Sequence[str], most: int) -> float:
    """Mean tokens of texts by a candidate's own tokenizer, cut at `most`."""
    from weitiao.checkpoints.unknown_tokens import token_ids

    lengths = [min(len(ids), most) for ids in token_ids(candidate.tokenizer, texts, special=True)]
    return float(np.mean(lengths))
