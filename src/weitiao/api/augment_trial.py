"""A trial of augmentation steps against none: paired seeds, a frozen encoder, validation rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from weitiao import parts
from weitiao.api.augment import Steps, settings_of
from weitiao.api.inputs import PlanOptions, source_of, wish_of, with_targets
from weitiao.core import notice
from weitiao.data.augmentation.step import Augmentation
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.load import load as load_data
from weitiao.data.prepare.run_steps import built_steps, run_steps
from weitiao.data.rows import Rows
from weitiao.errors import DataError, PartError, PlanError
from weitiao.evaluation.compare import Comparison, compare
from weitiao.evaluation.evaluate import answers_of
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.i18n.messages import _, joined, name_list, plural
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning.advise import advise
from weitiao.run import Run
from weitiao.tasks.answers.base import Answers
from weitiao.training import linear_start
from weitiao.training.run import train, training_feed

SEEDS = 5
MAX_ROWS = 1_000  # training rows of the trial; augmentation is for few
SHARE = 0.8  # of the training rows that each seed draws
ERROR_RATE = 0.05  # of all steps together: each interval is that of 1 - ERROR_RATE / steps


@dataclass(frozen=True)
class Tried:
    """One step against none. gain: of the plan's first metric, turned so that higher is better,
    with its interval; seconds: that one training took more."""

    step: str
    gain: float
    low: float
    high: float
    seconds: float
    new_rows: float  # a seed, on average
    kept: bool


@dataclass(frozen=True)
class Trial:
    """The outcome of a trial: the plan with the steps that help, and what was tried."""

    plan: Plan
    metric: str
    none: float  # the metric without a step, mean over seeds
    tried: tuple[Tried, ...]
    skipped: Mapping[str, str]  # step -> why it was not tried
    seeds: int
    rows: int  # training rows of each seed
    validation_rows: int

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        listed = {**vars(self), "plan": self.plan.model_dump(mode="json")}
        return {**listed, "tried": [vars(one) for one in self.tried]}


def try_steps(
    rows: Any,
    targets: Any = None,
    *,
    steps: Steps | None = None,
    times: int | None = None,
    seeds: int = SEEDS,
    fine_tune: bool = False,
    watch: Callable[[str, int, int], None] = lambda what, done, total: None,
    **options: Unpack[PlanOptions],
) -> Trial:
    """Plan, and keep those augmentation steps whose gain on validation is certain.

    Each seed draws 80 % of the training rows; all steps learn from the same ones, and so does none.
    steps: as for `augment`; default: all that fit the rows. fine_tune: train each time by the plan,
    instead of a linear layer on the frozen encoder. The test rows are not read. Raises
    WeitiaoError.
    """
    path, source = source_of(rows, targets)
    with notice.during(_("choosing the settings: rows and machine are measured")):
        advice = advise(wish_of(path, with_targets(options, source, targets)), source)
    plan = advice.plan
    if seeds < 2:
        raise PlanError([_("seeds: at least 2 are needed for an interval.")])
    data = load_data(plan.data, plan.task_name, advice.source)
    chosen, skipped = _candidates(plan, steps, times)
    model = Model.start(plan, data.train, data.validation)
    if not fine_tune and not linear_start.possible(model):
        raise PlanError(
            [
                _(
                    "the task {task} has no output layer that is fitted alone: try the steps with "
                    "--fine-tune.",
                    task=plan.task_name,
                )
            ]
        )
    trial = PairedFits(plan, data, model, fine_tune)
    names = ["", *chosen]
    for seed in range(seeds):
        for place, name in enumerate(names):
            watch(_("trying steps"), seed * len(names) + place, seeds * len(names))
            trial.run(seed, name, {name: chosen[name]} if name else {})
    return trial.outcome(chosen, skipped, seeds)


class PairedFits:
    """Answers of each seed and step to the validation rows, and what they cost."""

    def __init__(self, plan: Plan, data: Data, model: Model, fine_tune: bool) -> None:
        self.plan, self.data, self.model, self.fine_tune = plan, data, model, fine_tune
        self.size = max(2, round(SHARE * min(len(data.train), round(MAX_ROWS / SHARE))))
        self.answers: dict[str, list[Answers]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.rows: dict[str, list[int]] = {}

    def run(self, seed: int, name: str, step: Mapping[str, Mapping[str, Any]]) -> None:
        """Learn from the rows of a seed with a step, and answer the validation rows."""
        number = self.plan.train.seed + seed
        order = np.random.default_rng(number).permutation(len(self.data.train))
        rows = self.data.train.take(np.sort(order[: self.size]))
        steps = {**self.plan.data.steps, **step}
        begin = time.monotonic()
        if self.fine_tune:
            model = self._tuned(rows, steps, number)  # runs the steps itself
            seconds = time.monotonic() - begin
            made = run_steps(rows, steps, number)  # to count its rows
        else:
            made = run_steps(rows, steps, number)
            model = self._fitted(made)
            seconds = time.monotonic() - begin
        self.seconds.setdefault(name, []).append(seconds)
        self.rows.setdefault(name, []).append(len(made))
        self.answers.setdefault(name, []).append(answers_of(model, self.data.validation)[2])

    def _fitted(self, rows: Rows) -> Model:
        feed = training_feed(self.model, rows)
        origins = linear_start.origins_of(rows, feed.encoded)
        layer = linear_start.fit_output_layer(
            self.model, feed, self.model.loss(), len(rows), origins=origins
        )
        layer.put_into(self.model)
        return self.model

    def _tuned(self, rows: Rows, steps: Mapping[str, Mapping[str, Any]], seed: int) -> Model:
        plan = self.plan.with_({"data.steps": steps, "train.seed": seed})
        data = Data(rows, self.data.validation, None, self.data.unlabelled, (), "")
        with tempfile.TemporaryDirectory() as folder:
            return train(plan, data, Run.create(folder, "trial", plan)).model

    def outcome(
        self,
        chosen: Mapping[str, Mapping[str, Any]],
        skipped: Mapping[str, str],
        seeds: int,
    ) -> Trial:
        """Compare each step with none."""
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
            len(self.data.validation),
        )  # fmt: skip
        if not kept:
            return outcome
        steps = {**self.plan.data.steps, **kept}
        planned = self.plan.with_({"data.steps": steps})
        why = {**planned.why, "data.steps": _reason(outcome, steps, self.fine_tune)}
        return Trial(**{**vars(outcome), "plan": planned.model_copy(update={"why": why})})

    def _judged(self, name: str, comparison: Comparison) -> Tried:
        change = comparison.gaps[0].change
        more = np.mean(self.seconds[name]) - np.mean(self.seconds[""])
        new = np.mean(self.rows[name]) - np.mean(self.rows[""])
        kept = comparison.word == "better"
        return Tried(name, change.value, change.low, change.high, float(more), float(new), kept)


def _candidates(
    plan: Plan, steps: Steps | None, times: int | None
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Steps with their settings, and of those that nobody named, why some cannot be tried."""
    known = [n for n in parts.names("steps") if issubclass(parts.find("steps", n), Augmentation)]
    settings = settings_of(known if steps is None else steps, times)
    if wrong := [name for name in settings if name not in known]:
        message = _(
            "data.steps: {names} makes no changed copies; there are {known}.",
            names=name_list(wrong),
            known=name_list(known),
        )
        raise PlanError([message])
    chosen, skipped = {}, {}
    for name, values in settings.items():
        try:
            built_steps({name: values}, plan.task_name)
            chosen[name] = values
        except (DataError, PlanError) as error:
            if steps is not None:
                raise
            skipped[name] = str(error)
        except PartError as error:
            if steps is not None:
                problems = [f"data.steps.{name}.{path}: {why}" for path, why in error.problems]
                raise PlanError(problems) from None
            skipped[name] = _(
                "needs settings of yours: {names}",
                names=name_list([path for path, _why in error.problems]),
            )
    return chosen, skipped


def _reason(trial: Trial, steps: Mapping[str, Any], fine_tune: bool) -> Reason:
    """Why the steps stand in the plan: gain, interval and cost of each."""
    figures = [
        _(
            "{step}: {metric} {gain} ({low} to {high}), {seconds} s more",
            step=one.step,
            metric=trial.metric,
            gain=f"{one.gain:+.4f}",
            low=f"{one.low:+.4f}",
            high=f"{one.high:+.4f}",
            seconds=f"{one.seconds:.1f}",
        )
        for one in trial.tried
    ]
    how = _("fine-tuning") if fine_tune else _("a linear layer on the frozen encoder")
    return Reason(
        value=dict(steps),
        reason=_(
            "tried against none on {rows} with {seeds} ({how}): the interval of the gain lies "
            "above 0; other steps were dropped",
            rows=plural(trial.validation_rows, "validation row"),
            seeds=plural(trial.seeds, "paired seed"),
            how=how,
        ),
        evidence=joined(figures, "; "),
    )
