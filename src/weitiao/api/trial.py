"""A trial of changes against none: paired seeds, a frozen encoder, validation rows.

Augmentation steps and cleaners are judged by one rule: kept is what has a gain on the validation
rows whose interval, over seeds and rows, lies above 0.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.api.inputs import PlanOptions, source_of, wish_of, with_targets
from weitiao.core import notice
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.load import load as load_data
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.rows import Rows
from weitiao.errors import PlanError
from weitiao.evaluation.compare import Comparison, compare
from weitiao.evaluation.evaluate import answers_of
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.i18n.messages import _, joined, plural
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning.advise import advise
from weitiao.run import Run
from weitiao.tasks.answers.base import Answers
from weitiao.training import linear_start
from weitiao.training.run import train, training_feed

STEPS, CLEANERS = "data.steps", "data.cleaners"
SEEDS = 5
MAX_ROWS = 1_000  # training rows of the trial; augmentation is for few
SHARE = 0.8  # of the training rows that each seed draws
ERROR_RATE = 0.05  # of all changes together: each interval is that of 1 - ERROR_RATE / changes

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
    rows: int  # training rows of each seed
    validation_rows: int
    section: str = STEPS  # of the plan, in which the changes stand

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        listed = {**vars(self), "plan": self.plan.model_dump(mode="json")}
        return {**listed, "tried": [vars(one) for one in self.tried]}


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
        self.size = max(2, round(SHARE * min(len(data.train), round(MAX_ROWS / SHARE))))
        self.answers: dict[str, list[Answers]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.rows: dict[str, list[int]] = {}

    def run(self, seed: int, name: str, change: Mapping[str, Mapping[str, Any]]) -> None:
        """Learn from the rows of a seed with a change, and answer the validation rows."""
        number = self.plan.train.seed + seed
        order = np.random.default_rng(number).permutation(len(self.data.train))
        rows = self.data.train.take(np.sort(order[: self.size]))
        begin = time.monotonic()
        if self.fine_tune:
            model = self._tuned(rows, change, number)  # runs the steps itself
            seconds = time.monotonic() - begin
            made = run_steps(rows, self._steps(change), number)  # to count its rows
        else:
            made = run_steps(rows, self._steps(change), number)
            model = self._fitted(made, self._started(change, made))
            seconds = time.monotonic() - begin
        self.seconds.setdefault(name, []).append(seconds)
        self.rows.setdefault(name, []).append(self._count(model, made))
        self.answers.setdefault(name, []).append(answers_of(model, self.data.validation)[2])

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
        layer = linear_start.fit_output_layer(model, feed, model.loss(), len(rows), origins=origins)
        layer.put_into(model)
        return model

    def _tuned(self, rows: Rows, change: Mapping[str, Mapping[str, Any]], seed: int) -> Model:
        plan = self.plan.with_({self.section: self._with(change), "train.seed": seed})
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
        """Run every seed with no change and with each one, and compare."""
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
        return self.outcome(chosen, skipped, seeds)

    def outcome(
        self,
        chosen: Mapping[str, Mapping[str, Any]],
        skipped: Mapping[str, str],
        seeds: int,
    ) -> Trial:
        """Compare each change with none."""
        metrics = metrics_of(self.model.task, self.plan.evaluate.metrics)
        first = next(iter(metrics))
        level = 1 - ERROR_RATE / max(1, len(chosen))
        tried, none = [], float("nan")
        for name in chosen:
            comparison = compare(
                self.answers[""],
                self.answers[name],
                {first: metrics[first]},
                level=level,
                paired=True,
            )
            none = comparison.gaps[0].means[0]
            tried.append(self._judged(name, comparison))
        kept = {one.step: dict(chosen[one.step]) for one in tried if one.kept}
        outcome = Trial(
            self.plan, first, none, tuple(tried), dict(skipped), seeds, self.size,
            len(self.data.validation), self.section,
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

    def _judged(self, name: str, comparison: Comparison) -> Tried:
        change = comparison.gaps[0].change
        more = np.mean(self.seconds[name]) - np.mean(self.seconds[""])
        new = np.mean(self.rows[name]) - np.mean(self.rows[""])
        kept = comparison.word == "better"
        return Tried(name, change.value, change.low, change.high, float(more), float(new), kept)


def _reason(trial: Trial, changes: Mapping[str, Any], fine_tune: bool) -> Reason:
    """Why the changes stand in the plan: gain, interval and cost of each."""
    figures = [
        _(
            "{step}: {metric} {gain} ({low} to {high}), {seconds} s more",
            step=one.step,
            metric=metric_name(trial.metric),
            gain=f"{one.gain:+.4f}",
            low=f"{one.low:+.4f}",
            high=f"{one.high:+.4f}",
            seconds=f"{one.seconds:.1f}",
        )
        for one in trial.tried
    ]
    how = _("fine-tuning") if fine_tune else _("a linear layer on the frozen encoder")
    return Reason(
        value=dict(changes),
        reason=_(
            "tried against none on {rows} with {seeds} ({how}): the interval of the gain lies "
            "above 0; others were dropped",
            rows=plural(trial.validation_rows, "validation row"),
            seeds=plural(trial.seeds, "paired seed"),
            how=how,
        ),
        evidence=joined(figures, "; "),
    )
