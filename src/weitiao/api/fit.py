"""Training verbs: fit rows, train a plan, resume a run; with one seed or several."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

from weitiao.api import distributed, single_run
from weitiao.api import seeds as several_seeds
from weitiao.api.fitted import Fitted
from weitiao.api.inputs import PlanOptions, seconds_of, source_of, wish_of, with_targets
from weitiao.api.progress import shown
from weitiao.api.seeds import Seeded
from weitiao.api.single_run import Job, Say, Watch
from weitiao.core.clock import awake
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.model.fast import compiler
from weitiao.planfile.plan import Plan
from weitiao.planning.advise import advise
from weitiao.planning.check import check


class TrainOptions(TypedDict, total=False):
    """Options of `train`."""

    changes: Mapping[str, Any] | None  # of the plan, e.g. {"train.epochs": 5}
    out: str | Path  # folder for runs
    threads: int | None
    say: Say | None  # called with each message
    watch: Watch | None  # called with each step's progress and the seconds left
    progress: bool | None  # show messages and a bar; by default in terminals and notebooks
    since: float | None  # when the budget began, by weitiao.core.clock.awake()


class FitOptions(PlanOptions, TrainOptions, total=False):
    """Options of `fit`: those of `plan` and of `train`."""


@overload
def fit(
    rows: Any, targets: Any = None, *, seeds: None = None, **options: Unpack[FitOptions]
) -> Fitted: ...
@overload
def fit(rows: Any, targets: Any = None, *, seeds: int, **options: Unpack[FitOptions]) -> Seeded: ...
def fit(
    rows: Any,
    targets: Any = None,
    *,
    seeds: int | None = None,
    out: str | Path = "runs",
    threads: int | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    progress: bool | None = None,
    since: float | None = None,
    **options: Unpack[PlanOptions],
) -> Fitted | Seeded:
    """Plan, train and evaluate on the test set, in one call.

    rows: a path, `sample:NAME`, a DataFrame, dicts, or texts (pairs: tuples) with `targets`.
    seeds: so many runs that differ in the seed alone; they share the budget. options: as on the
    command line, e.g. task="nli", model="e5-small", budget="5m", text="review",
    changes={"train.epochs": 5}. Raises WeitiaoError.
    """
    begun = awake() if since is None else since
    compiler.prepare()
    if seeds is None:
        distributed.require_single_process("fit")
    else:
        several_seeds.require_enough(seeds)
        if budget := options.get("budget"):
            options["budget"] = seconds_of(budget) / seeds
    set_threads(threads)
    path, source = source_of(rows, targets)
    advice = advise(wish_of(path, with_targets(options, source, targets)), source)
    plan = advice.plan
    with shown(progress, say, watch) as (say, watch):
        if seeds is not None:
            return several_seeds.train_seeds(
                plan, seeds=seeds, out=out, say=say, watch=watch, final=True
            )
        check(plan, here=True)
        job = Job(plan, begun, say or single_run.silent, watch, final=True)
        model = plan.why["model.checkpoint"]
        job.say(
            _(
                "task: {task}; model: {model} ({reason})",
                task=plan.task_name,
                model=model.value,
                reason=model.reason,
            )
        )
        return job.start(out, advice.source)


@overload
def train(
    plan: Plan | str | Path, *, seeds: None = None, **options: Unpack[TrainOptions]
) -> Fitted: ...
@overload
def train(plan: Plan | str | Path, *, seeds: int, **options: Unpack[TrainOptions]) -> Seeded: ...
def train(
    plan: Plan | str | Path,
    *,
    seeds: int | None = None,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    threads: int | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    progress: bool | None = None,
    since: float | None = None,
) -> Fitted | Seeded:
    """Train a plan and evaluate it on validation; the test set stays sealed.

    plan: a Plan or a file. seeds: train it with so many seeds. changes: of the plan, e.g.
    {"train.epochs": 5}. Raises WeitiaoError.
    """
    with shown(progress, say, watch) as (say, watch):
        if seeds is not None:
            set_threads(threads)
            return several_seeds.train_seeds(
                plan, seeds=seeds, changes=changes, out=out, say=say, watch=watch
            )
        return single_run.train_run(
            plan, changes=changes, out=out, threads=threads, say=say, watch=watch, since=since
        )


def resume(
    run: str | Path,
    *,
    say: Say | None = None,
    watch: Watch | None = None,
    progress: bool | None = None,
    since: float | None = None,
) -> Fitted | Seeded:
    """Resume an interrupted run exactly from its last checkpoint, or a run of several seeds."""
    with shown(progress, say, watch) as (say, watch):
        if several_seeds.is_several(run):
            return several_seeds.resume_seeds(run, say=say, watch=watch)
        return single_run.resume_run(run, say=say, watch=watch, since=since)
