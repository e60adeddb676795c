"""fit and train: rows or a plan in, a judged model in a run's folder out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.api import budget as budgeting
from weitiao.api import calibrate, distributed
from weitiao.api import findings as closer
from weitiao.api.baselines import baselines_of
from weitiao.api.inputs import source_of
from weitiao.checkpoints.resolve import resolve
from weitiao.core.clock import awake
from weitiao.data.cache import prune
from weitiao.data.files import bad_rows
from weitiao.data.files.table import Source
from weitiao.data.prepare.load import Data, load
from weitiao.data.prepare.sealed import open_test
from weitiao.errors import RunError, WeitiaoError
from weitiao.evaluation.acceptance import known_criteria
from weitiao.evaluation.baselines import Baseline
from weitiao.evaluation.evaluate import Report, evaluate
from weitiao.hardware.machine import describe, peak_memory_mb, set_threads
from weitiao.i18n.messages import _
from weitiao.model import saved
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.planning.advise import Wish, advise, check
from weitiao.reporting import page
from weitiao.reporting.write_run import leave, leave_unfinished
from weitiao.run import Run
from weitiao.training.run import Outcome, train

Say = Callable[[str], None]
Watch = Callable[[Any, float], None]


@dataclass(frozen=True)
class Fitted:
    """What `fit` and `train` give: the run, its best model and how good it is."""

    run: Run
    plan: Plan
    report: Report
    split: str  # "test" or "validation": the rows the report is about
    state: str  # finished, early, interrupted
    seconds: Mapping[str, float]
    openings: int = 0  # how often this test has been opened, this time included
    history: tuple[str, ...] = field(default=())
    findings: Mapping[str, Any] = field(default_factory=dict)  # of a closer look, see closer.py

    @property
    def page(self) -> Path:
        """The report to look at, report.html."""
        return self.run.folder / page.NAME

    @cached_property
    def model(self) -> Model:
        """The best model."""
        return Model.load(self.run.best)

    @property
    def metrics(self) -> Mapping[str, float]:
        return self.report.metrics

    def __call__(self, *rows: Any) -> Any:
        """Answer raw rows with the best model."""
        return self.model(*rows)

    def predict_proba(self, texts: Any) -> np.ndarray:
        """Scores (n, labels) in the order of `model.task.choices`."""
        return self.model.predict_proba(texts)

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        return {
            "run": str(self.run.folder),
            "task": self.plan.task_name,
            **self.report.summary(),
            "seconds": dict(self.seconds),
            "peak_memory_mb": peak_memory_mb(),
            "best": str(self.run.best),
            "report": str(self.page),
            "split": self.split,
            "rows": self.report.rows,
            "state": self.state,
        }


def fit(
    rows: Any,
    targets: Any = None,
    *,
    out: str | Path = "runs",
    threads: int | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    since: float | None = None,
    **wishes: Any,
) -> Fitted:
    """Look, plan, train and judge, in one call.

    rows: a path, `sample:NAME`, a DataFrame, a list of dicts, or a list of texts with `targets`.
    wishes: the fields of Wish, e.g. task="nli", model="e5-small", budget=300 (seconds),
    roles={"text": "review"}, changes={"train.epochs": 5}. since: when the budget began, by
    weitiao.core.clock.awake(). Raises WeitiaoError.
    """
    begun = awake() if since is None else since
    distributed.alone("fit")
    set_threads(threads)
    path, source = source_of(rows, targets)
    advice = advise(Wish(path=path, **wishes), source)
    check(advice.plan, here=True)
    job = _Job(advice.plan, begun, say or _silent, watch, final=True)
    model = advice.plan.why["model.checkpoint"]
    job.say(_("task: {task}; model: {model} ({reason})",
                 task=advice.plan.task_name, model=model.value, reason=model.reason))  # fmt: skip
    return job.start(out, advice.source)


def train_plan(
    plan: Plan | str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    threads: int | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    since: float | None = None,
) -> Fitted:
    """Carry out a plan; the test stays sealed, so the report is about validation."""
    begun = awake() if since is None else since
    set_threads(threads)
    given = None if isinstance(plan, Plan) else Path(plan)
    plan = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
    check(plan, here=True)
    return _Job(plan, begun, say or _silent, watch, final=False).start(out, given=given)


def resume(
    folder: str | Path,
    *,
    say: Say | None = None,
    watch: Watch | None = None,
    since: float | None = None,
) -> Fitted:
    """Go on with a run exactly where its last checkpoint stands."""
    begun = awake() if since is None else since
    run = Run.open(folder)
    state = run.status().state
    if state == "running":  # before anything is written into it
        raise run.busy()
    if state in ("finished", "early"):
        told = _("{folder}: this run has ended; `weitiao evaluate {folder}` judges it.",
                    folder=folder)  # fmt: skip
        raise RunError(told)
    plan = run.plan()
    data = load(plan.data, plan.task_name)
    job = _Job(plan, begun, say or _silent, watch, final=False)
    return job.carry_out(run, data, goes_on=True)


@dataclass(frozen=True)
class _Job:
    """What has to be done, and who is told of it."""

    plan: Plan
    begun: float
    say: Say
    watch: Watch | None
    final: bool  # judge on the sealed test

    def __post_init__(self) -> None:
        prune.limit_now()  # a limit that is no size is said now, not after hours of training

    def start(
        self, out: str | Path, source: Source | None = None, given: Path | None = None
    ) -> Fitted:
        """Into a new run; mistakes in the rows are found before there is one."""
        data = load(self.plan.data, self.plan.task_name, source)
        _known_labels(self.plan, data)
        for line in data.history:
            self.say(line)
        run = Run.create(out, name_of(self.plan.data.path), self.plan)
        self.say(_("run: {folder}", folder=run.folder))
        if given:
            run.keep(given)
        bad_rows.write(run.folder / bad_rows.FILE, data.bad)
        return self.carry_out(run, data)

    def carry_out(self, run: Run, data: Data, *, goes_on: bool = False) -> Fitted:
        """Train inside the run's folder, then judge."""
        clock = budgeting.clock_of(self.plan, data, self.begun, self.final)
        source = resolve(self.plan.model.checkpoint, self.plan.model.revision)
        if source.remark:
            self.say(source.remark)
        told = {"data": data.fingerprint, "history": list(data.history),
                "checkpoint": {"kind": source.kind, "sha256": source.sha256}}  # fmt: skip
        run.write("environment", {**describe(), **_origins(self.plan), **told})
        distributed.lead(run, goes_on)
        try:
            outcome = train(self.plan, data, run, resume=goes_on, watch=self.watch, clock=clock)
        except WeitiaoError:
            leave_unfinished(run)
            raise
        except KeyboardInterrupt:
            leave_unfinished(run)
            raise KeyboardInterrupt(run.goes_on()) from None
        return self._finish(run, data, outcome)

    def _finish(self, run: Run, data: Data, outcome: Outcome) -> Fitted:
        model, rows, split, openings = outcome.model, data.validation, "validation", 0
        for line in saved.remarks(self.plan, model.net.remark, model.head):
            self.say(line)
        interrupted = outcome.state == "interrupted"
        calibration: dict[str, Any] = {}
        if not interrupted:
            model, calibration = calibrate.calibrate(run, model, data.validation)
        if self.final and not interrupted and data.sealed_test is not None:
            rows, openings = open_test(data, str(run.folder))
            split = "test"
        budget, left_out = self.plan.train.budget, list[str]()
        beside: dict[str, Baseline] = {}
        if self.plan.evaluate.baselines and not interrupted:
            left = budget and budget - (awake() - self.begun)  # more, where training took less
            share = budget and left and max(budgeting.BASELINE_SHARE * budget, left / 2)
            beside, left_out = baselines_of(model, data, len(rows), share)
        report, answers = evaluate(model, rows, beside)
        report = closer.with_more(model, report, answers, calibration, left_out)
        findings: dict[str, Any] = {}
        if self.plan.evaluate.findings and not interrupted:
            own = closer.within(outcome.seconds / 5)
            left = budgeting.FINDINGS_SHARE * budget if budget else own
            findings = closer.findings_of(model, answers, data, left)
        total = awake() - self.begun
        seconds = {"total": round(total, 2), "train": round(outcome.seconds, 2)}
        fitted = Fitted(
            run, self.plan, report, split, outcome.state, seconds, openings, data.history, findings
        )
        more = {"details": report.details, "openings": openings,
                "step": outcome.step, "total": outcome.total}  # fmt: skip
        leave(run, model, data, answers, {**fitted.summary(), **more}, findings)
        if pruned := prune.prune():
            self.say(pruned)
        return fitted


def _known_labels(plan: Plan, data: Data) -> None:
    """Labels that the plan's criteria are about must be there, before hours of training."""
    if plan.acceptance:
        task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
        known_criteria(plan.acceptance, task.learn(data.train.targets()))


def name_of(path: str | Sequence[str]) -> str:
    """What a run is called by its rows: reviews.csv.gz gives reviews, a list its first file."""
    first = path if isinstance(path, str) else path[0]
    name = Path(first.replace(":", "-")).name.lstrip(".").split(".")[0]
    return re.sub(r"[*?\[\]\s]+", "-", name).strip("-") or "rows"


def _origins(plan: Plan) -> dict[str, Any]:
    """Parts of the plan that other packages brought, with their versions."""
    chosen = {"strategies": plan.train.strategies, "cleaners": plan.data.cleaners,
              "steps": plan.data.steps, "tasks": plan.task, "losses": plan.train.loss,
              "optimizers": plan.train.optimizer, "schedules": plan.train.schedule,
              "heads": plan.model.head}  # fmt: skip
    pairs = [(kind, name) for kind, names in chosen.items() for name in names]
    found = {f"{kind}.{name}": parts.origin(kind, name) for kind, name in pairs}
    return {"foreign_parts": {name: value for name, value in found.items() if value}}


def _silent(text: str) -> None:
    pass
