"""fit and train: rows or a plan in, a judged model in a run's folder out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.advise import cost
from weitiao.advise.advise import Wish, advise, check
from weitiao.advise.facts import network_of
from weitiao.data.data import Data, load
from weitiao.data.sealed import open_test
from weitiao.data.table import Source, from_rows
from weitiao.errors import DataError, RunError
from weitiao.evaluate.baselines import Baseline, fit_baselines
from weitiao.evaluate.evaluate import Report, evaluate, texts_of
from weitiao.model.machine import describe, peak_memory_mb, set_threads
from weitiao.model.model import Model
from weitiao.plan import Plan
from weitiao.run import Run
from weitiao.train.budget import Clock
from weitiao.train.train import Outcome, train

JUDGING_SECONDS = 6  # loading the best model, intervals, writing: kept back from a budget
BASELINE_SHARE = 0.1  # of a budget that the baselines may take

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
    time.monotonic(). Raises WeitiaoError.
    """
    begun = time.monotonic() if since is None else since
    set_threads(threads)
    path, source = source_of(rows, targets)
    advice = advise(Wish(path=path, **wishes), source)
    check(advice.plan)
    job = _Job(advice.plan, begun, say or _silent, watch, final=True)
    model = advice.plan.why["model.checkpoint"]
    job.say(f"task: {advice.plan.task_name}; model: {model.value} ({model.reason})")
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
    begun = time.monotonic() if since is None else since
    set_threads(threads)
    loaded = plan if isinstance(plan, Plan) else Plan.load(plan)
    plan = loaded.with_(changes or {})
    check(plan)
    return _Job(plan, begun, say or _silent, watch, final=False).start(out)


def resume(
    folder: str | Path,
    *,
    say: Say | None = None,
    watch: Watch | None = None,
    since: float | None = None,
) -> Fitted:
    """Go on with a run exactly where its last checkpoint stands."""
    begun = time.monotonic() if since is None else since
    run = Run.open(folder)
    if run.status()["state"] in ("finished", "early"):
        raise RunError(f"{folder}: this run has ended; `weitiao evaluate {folder}` judges it.")
    plan = run.plan()
    data = load(plan.data, plan.task_name)
    job = _Job(plan, begun, say or _silent, watch, final=False)
    return job.carry_out(run, data, goes_on=True)


def source_of(rows: Any, targets: Any = None) -> tuple[str, Source | None]:
    """A path and, for rows that are no file, the rows as a source."""
    if isinstance(rows, (str, Path)) and targets is None:
        return str(rows), None
    if targets is not None:
        if len(rows) != len(targets):
            raise DataError(f"{len(rows)} texts but {len(targets)} targets: they must pair up.")
        if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # a DataFrame without targets
            rows = rows.to_dict("records")
        rows = [{**_row(row), "label": target} for row, target in zip(rows, targets, strict=True)]
    source = from_rows(rows)
    return f"memory:{source.fingerprint}", source


def _row(row: Any) -> dict[str, Any]:
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, Mapping):
        return dict(row)
    first, second = row
    return {"text": first, "text_pair": second}


@dataclass(frozen=True)
class _Job:
    """What has to be done, and who is told of it."""

    plan: Plan
    begun: float
    say: Say
    watch: Watch | None
    final: bool  # judge on the sealed test

    def __post_init__(self) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise RunError(
                "fit and train run in one process; for several, call weitiao.train.train.train "
                "from a script of yours under torchrun."
            )

    def start(self, out: str | Path, source: Source | None = None) -> Fitted:
        """Into a new run; mistakes in the rows are found before there is one."""
        data = load(self.plan.data, self.plan.task_name, source)
        for line in data.history:
            self.say(line)
        run = Run.create(out, Path(self.plan.data.path.replace(":", "-")).stem, self.plan)
        self.say(f"run: {run.folder}")
        return self.carry_out(run, data)

    def carry_out(self, run: Run, data: Data, *, goes_on: bool = False) -> Fitted:
        """Train inside the run's folder, then judge."""
        clock = _clock(self.plan, data, self.begun, self.final)
        told = {"data": data.fingerprint, "history": list(data.history)}
        run.write("environment", {**describe(), **_origins(self.plan), **told})
        outcome = train(self.plan, data, run, resume=goes_on, watch=self.watch, clock=clock)
        return self._finish(run, data, outcome)

    def _finish(self, run: Run, data: Data, outcome: Outcome) -> Fitted:
        model, rows, split, openings = outcome.model, data.validation, "validation", 0
        interrupted = outcome.state == "interrupted"
        if self.final and not interrupted and data.sealed_test is not None:
            rows, openings = open_test(data, str(run.folder))
            split = "test"
        wanted = self.plan.evaluate.baselines and not interrupted
        report, _ = evaluate(model, rows, baselines_of(model, data) if wanted else {})
        total = time.monotonic() - self.begun
        seconds = {"total": round(total, 2), "train": round(outcome.seconds, 2)}
        fitted = Fitted(
            run, self.plan, report, split, outcome.state, seconds, openings, data.history
        )
        more = {"details": report.details, "openings": openings,
                "step": outcome.step, "total": outcome.total}  # fmt: skip
        run.write("metrics", {**fitted.summary(), **more})
        return fitted


def baselines_of(model: Model, data: Data, seconds: float | None = None) -> dict[str, Baseline]:
    """Majority or mean, and TF-IDF with a linear model, learned from the same training rows."""
    task = model.task
    train, validation = data.train, data.validation
    return fit_baselines(
        task.kind,
        texts_of(model, train),
        _plain(task.indices(train.targets(), train.ids()), task),
        texts_of(model, validation),
        _plain(task.indices(validation.targets(), validation.ids()), task),
        task.outputs,
        model.plan.train.seed,
        seconds or (model.plan.train.budget or 0) * BASELINE_SHARE or None,
    )


def _plain(labels: np.ndarray, task: Any) -> np.ndarray:
    """Numbers in the target's own unit, whatever scale the network learns."""
    return np.asarray(task.score(labels)) if task.kind == "number" else labels


def _clock(plan: Plan, data: Data, begun: float, final: bool) -> Clock:
    """The clock of training: the budget less what is kept back for judging and baselines."""
    budget = plan.train.budget
    if budget is None:
        return Clock()
    rows = data.sealed_test if final and data.sealed_test is not None else data.validation
    network, _ = network_of(plan.model.checkpoint, plan.model.revision)
    judging = cost.judging_seconds(
        network, cost.measure(), rows=len(rows), length=plan.model.max_length
    )
    baselines = BASELINE_SHARE * budget if plan.evaluate.baselines else 0.0
    kept = min(JUDGING_SECONDS + 1.5 * judging + baselines, budget / 2)
    return Clock(max(budget - (time.monotonic() - begun) - kept, 1.0))


def _origins(plan: Plan) -> dict[str, Any]:
    """Parts of the plan that other packages brought, with their versions."""
    chosen = {"strategies": plan.train.strategies, "cleaners": plan.data.cleaners,
              "steps": plan.data.steps, "tasks": plan.task, "losses": plan.train.loss,
              "optimizers": plan.train.optimizer, "schedules": plan.train.schedule}  # fmt: skip
    found = {
        f"{kind}.{name}": parts.origin(kind, name)
        for kind, names in chosen.items()
        for name in names
    }
    return {"foreign_parts": {name: value for name, value in found.items() if value}}


def _silent(text: str) -> None:
    pass
