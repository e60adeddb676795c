"""A trial of changes against none: a frozen encoder, repeated cross-validation, paired seeds.

Augmentation steps and cleaners are judged by one rule. Each training row is answered by a model
that has seen neither it nor its duplicates, once a seed; kept is what has a gain whose interval,
over seeds and rows, lies above 0. The validation and test rows are not judged.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weitiao.api.inputs import PlanOptions, source_of, wish_of, with_targets
from weitiao.core import notice
from weitiao.data.prepare.duplicates import text_keys
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.load import load as load_data
from weitiao.data.prepare.near_groups import with_near_groups
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.prepare.split import sample, strata_of, units_of
from weitiao.data.rows import Rows
from weitiao.data.targets import reader_of
from weitiao.errors import DataError, PlanError
from weitiao.evaluation.compare import compare
from weitiao.evaluation.evaluate import answers_of
from weitiao.evaluation.label_errors.out_of_fold import folds_of
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.evaluation.metrics.base import Metric, metrics_of
from weitiao.i18n.messages import _, joined, plural
from weitiao.model.known_features import KnownFeatures
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning.advise import advise
from weitiao.run import Run
from weitiao.tasks.answers.base import Answers
from weitiao.training import linear_start
from weitiao.training.run import train, training_feed

STEPS, CLEANERS = "data.steps", "data.cleaners"
TOGETHER = "together"
SEEDS = 5
FOLDS = 4  # of cross-validation; each seed has its own
MAX_ROWS = 1_000  # training rows of the trial; augmentation is for few
# Of all changes together: each interval is that of 1 - ERROR_RATE / changes. A change that is kept
# by chance costs half a point, and one that is dropped may lose several (dev/LOG.md).
ERROR_RATE = 0.2

Watch = Callable[[str, int, int], None]  # (what is done, how many are done, of how many)


@dataclass(frozen=True)
class Tried:
    """One change against none. step: its name, or that of a cleaner; gain: of the plan's first
    metric, turned so that higher is better, with its interval; seconds: that one training took
    more."""

    step: str
    gain: float
    low: float
    high: float
    seconds: float
    new_rows: float  # that a step made, or a cleaner changed; a seed, on average
    kept: bool


@dataclass(frozen=True)
class Trial:
    """The outcome of a trial: the plan with the changes that help, and what was tried."""

    plan: Plan
    metric: str
    none: float  # the metric without a change, mean over seeds
    tried: tuple[Tried, ...]
    skipped: Mapping[str, str]  # name -> why it was not tried
    seeds: int
    rows: int  # training rows, each answered once a seed
    section: str = STEPS  # of the plan, in which the changes stand
    together: Tried | None = None  # all that help, where several do

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        listed = {**vars(self), "plan": self.plan.model_dump(mode="json")}
        together = vars(self.together) if self.together else None
        return {**listed, "tried": [vars(one) for one in self.tried], "together": together}


def planned(rows: Any, targets: Any, options: PlanOptions, seeds: int) -> tuple[Plan, Data]:
    """The plan of a trial and its rows, split. Raises WeitiaoError."""
    if seeds < 2:
        raise PlanError([_("seeds: at least 2 are needed for an interval.")])
    path, source = source_of(rows, targets)
    with notice.during(_("choosing the settings: rows and machine are measured")):
        advice = advise(wish_of(path, with_targets(options, source, targets)), source)
    return advice.plan, load_data(advice.plan.data, advice.plan.task_name, advice.source)


class PairedFits:
    """Answers of each seed and change to the validation rows, and what they cost."""

    section = STEPS

    def __init__(self, plan: Plan, data: Data, model: Model, fine_tune: bool) -> None:
        self.plan, self.data, self.model, self.fine_tune = plan, data, model, fine_tune
        self.train, self.strata, self.groups = _judged_rows(plan, data.train)
        self.known = KnownFeatures()  # of the frozen encoder
        self.answers: dict[str, list[Answers]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.rows: dict[str, list[int]] = {}

    def run(self, seed: int, name: str, change: Mapping[str, Mapping[str, Any]]) -> None:
        """Answer each training row by a model of the other folds, which learns with a change."""
        number = self.plan.train.seed + seed
        fold = folds_of(self.strata, self.groups, number, FOLDS)
        answers, order, seconds, counts = [], [], [], []
        for one in np.unique(fold):
            inside = np.flatnonzero(fold == one)
            model, took, count = self.learn(np.flatnonzero(fold != one), change, number)
            answers.append(answers_of(model, self.train.take(inside))[2])
            order.append(inside)
            seconds.append(took)
            counts.append(count)
        whole = answers[0].followed_by(answers[1:]).take(np.argsort(np.concatenate(order)))
        self.answers.setdefault(name, []).append(whole)
        self.seconds.setdefault(name, []).append(float(np.mean(seconds)))
        times = len(counts) - 1  # that each row was learned
        self.rows.setdefault(name, []).append(round(sum(counts) / times))

    def learn(
        self, positions: np.ndarray, change: Mapping[str, Mapping[str, Any]], seed: int
    ) -> tuple[Model, float, int]:
        """A model of some training rows, the seconds it took, and `_count` of its rows."""
        rows = self.train.take(positions)
        begin = time.monotonic()
        if self.fine_tune:
            model = self._tuned(rows, change, seed)  # runs the steps itself
            seconds = time.monotonic() - begin
            made = run_steps(rows, self._steps(change), seed)  # to count its rows
        else:
            made = run_steps(rows, self._steps(change), seed)
            model = self._fitted(made, self._started(change, made))
            seconds = time.monotonic() - begin
        return model, seconds, self._count(model, made)

    def _steps(self, change: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The steps that make the training rows."""
        return {**self.plan.data.steps, **change}

    def _started(self, change: Mapping[str, Mapping[str, Any]], train: Rows) -> Model:
        """The model whose output layer is fitted."""
        return self.model

    def _count(self, model: Model, made: Rows) -> int:
        """The rows by which a change is told from none."""
        return len(made)

    def _fitted(self, rows: Rows, model: Model) -> Model:
        feed = training_feed(model, rows)
        origins = linear_start.origins_of(rows, feed.encoded)
        layer = linear_start.fit_output_layer(
            model, feed, model.loss(), len(rows), origins=origins, read_features=self.known.read
        )
        layer.put_into(model)
        return model

    def _tuned(self, rows: Rows, change: Mapping[str, Mapping[str, Any]], seed: int) -> Model:
        ((task_name, settings),) = self.plan.task.items()
        task = {task_name: {**settings, **_labels(self.model)}}
        wanted = {self.section: self._with(change), "train.seed": seed, "task": task}
        plan = self.plan.with_(wanted)
        data = Data(rows, self.data.validation, None, self.data.unlabelled, (), "")
        with tempfile.TemporaryDirectory() as folder:
            return train(plan, data, Run.create(folder, "trial", plan)).model

    def all_of(
        self,
        chosen: Mapping[str, Mapping[str, Any]],
        skipped: Mapping[str, str],
        seeds: int,
        watch: Watch,
    ) -> Trial:
        """Run every seed with no change and with each one, and compare. Raises WeitiaoError."""
        if len(np.unique(self.groups)) < FOLDS:
            raise DataError(
                _(
                    "a trial leaves the training rows out in {folds} parts; they are only "
                    "{groups} (equal texts and rows with one value of the role group stay "
                    "together).",
                    folds=FOLDS,
                    groups=plural(len(np.unique(self.groups)), "group"),
                )
            )
        if not self.fine_tune and not linear_start.possible(self.model):
            raise PlanError(
                [
                    _(
                        "the task {task} has no output layer that is fitted alone: try with "
                        "--fine-tune.",
                        task=self.plan.task_name,
                    )
                ]
            )
        names = ["", *chosen]
        for seed in range(seeds):
            for place, name in enumerate(names):
                watch(_("trying changes"), seed * len(names) + place, seeds * len(names))
                self.run(seed, name, {name: chosen[name]} if name else {})
        tried = [self._judged(name, len(chosen)) for name in chosen]
        helpful = {one.step: chosen[one.step] for one in tried if one.kept}
        together = None
        if len(helpful) > 1:
            for seed in range(seeds):
                watch(_("trying them together"), seed, seeds)
                self.run(seed, TOGETHER, helpful)
            tried, together = _together_or_best(tried, self._judged(TOGETHER, len(chosen)))
        return self._outcome(chosen, tried, together, skipped)

    def _outcome(
        self,
        chosen: Mapping[str, Mapping[str, Any]],
        tried: Sequence[Tried],
        together: Tried | None,
        skipped: Mapping[str, str],
    ) -> Trial:
        """The plan with the changes that are kept."""
        name, metric = self._metric()
        values = [float(metric.value(answers)) for answers in self.answers[""]]
        kept = {one.step: dict(chosen[one.step]) for one in tried if one.kept}
        outcome = Trial(
            self.plan, name, float(np.mean(values)), tuple(tried), dict(skipped),
            len(values), len(self.train), self.section, together,
        )  # fmt: skip
        if not kept:
            return outcome
        changed = self._with(kept)
        planned = self.plan.with_({self.section: changed})
        why = {**planned.why, self.section: _reason(outcome, changed, self.fine_tune)}
        return Trial(**{**vars(outcome), "plan": planned.model_copy(update={"why": why})})

    def _with(self, change: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The section of the plan with a change."""
        return {**getattr(self.plan.data, self.section.removeprefix("data.")), **change}

    def _judged(self, name: str, changes: int) -> Tried:
        """A change, one of so many, compared with none."""
        first, metric = self._metric()
        comparison = compare(
            self.answers[""],
            self.answers[name],
            {first: metric},
            level=1 - ERROR_RATE / changes,
            paired=True,
        )
        change = comparison.gaps[0].change
        more = np.mean(self.seconds[name]) - np.mean(self.seconds[""])
        new = np.mean(self.rows[name]) - np.mean(self.rows[""])
        kept = comparison.word == "better"
        return Tried(name, change.value, change.low, change.high, float(more), float(new), kept)

    def _metric(self) -> tuple[str, Metric]:
        """The plan's first metric, by which changes are judged."""
        return next(iter(metrics_of(self.model.task, self.plan.evaluate.metrics).items()))


def _together_or_best(tried: Sequence[Tried], together: Tried) -> tuple[list[Tried], Tried]:
    """All that help, where together they gain more than the best one does alone; else that one."""
    best = max((one for one in tried if one.kept), key=lambda one: one.gain)
    if together.gain > best.gain:
        return [*tried], replace(together, kept=True)
    return [replace(one, kept=one is best) for one in tried], replace(together, kept=False)


def _judged_rows(plan: Plan, train: Rows) -> tuple[Rows, np.ndarray, np.ndarray]:
    """The training rows that are judged, their strata, and the groups that share a fold."""
    reader = reader_of(plan.task_name)
    rows = train.take(sample(reader.strata(train.targets()), len(train), MAX_ROWS, plan.train.seed))
    keys = text_keys(rows.table, rows.text_columns, rows.indices)
    groups = with_near_groups(units_of(rows, keys), rows, plan.data.near_duplicates, [])
    return rows, strata_of(reader.strata(rows.targets()), len(rows)), groups


def _labels(model: Model) -> dict[str, Any]:
    """The labels of the task as a setting: rows of a fold may lack one."""
    labels = getattr(model.task, "labels", ())
    return {"labels": list(labels)} if labels else {}


def named(trial: Trial) -> list[tuple[str, Tried]]:
    """All that was tried, with a name for people."""
    together = [(_("together"), trial.together)] if trial.together else []
    return [*((one.step, one) for one in trial.tried), *together]


def _reason(trial: Trial, changes: Mapping[str, Any], fine_tune: bool) -> Reason:
    """Why the changes stand in the plan: gain, interval and cost of each."""
    figures = [
        _(
            "{step}: {metric} {gain} ({low} to {high}), {seconds} s more",
            step=name,
            metric=metric_name(trial.metric),
            gain=f"{one.gain:+.4f}",
            low=f"{one.low:+.4f}",
            high=f"{one.high:+.4f}",
            seconds=f"{one.seconds:.1f}",
        )
        for name, one in named(trial)
    ]
    how = _("fine-tuning") if fine_tune else _("a linear layer on the frozen encoder")
    return Reason(
        value=dict(changes),
        reason=_(
            "tried against none on {rows}, left out in turns, with {seeds} ({how}): the interval "
            "of the gain lies above 0; others were dropped",
            rows=plural(trial.rows, "training row"),
            seeds=plural(trial.seeds, "paired seed"),
            how=how,
        ),
        evidence=joined(figures, "; "),
    )
