"""Trials of a search as trainings: to a rung and on from it, whole with fresh seeds, limits."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.core.clock import awake
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.load import Data, joined
from weitiao.data.prepare.near_groups import with_near_groups
from weitiao.data.prepare.split import split, units_of
from weitiao.data.rows import Rows
from weitiao.data.targets import reader_of
from weitiao.evaluation.evaluate import Evaluated, answers_of, judged_part
from weitiao.evaluation.metrics.base import Metric, metrics_of
from weitiao.hardware.machine import peak_memory_mb
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.results.run_data import write_answers
from weitiao.run import Run
from weitiao.tasks.base import Task
from weitiao.training.run import train
from weitiao.tuning.objective import Objective, OutOfTime, OverLimit, Result
from weitiao.tuning.records import Trial
from weitiao.tuning.space import Space

LATENCY_ROWS, WARMUP_ROWS = 20, 3
MIN_TRAIN_ROWS = 4  # times the validation rows: else no fresh fold is drawn from them
FOLD_SEED = 7
REACHED = "reached"  # reached.json of a run: results, until the journal has them
# Of a trial, only training and the metrics of validation are wanted.
BARE = {
    "evaluate.calibration": False,
    "evaluate.findings": False,
    "evaluate.baselines": False,
    "train.refit": "never",
    "train.budget": None,
    "acceptance": {},
}


class Trainings(Objective):
    """The objective of a search on rows: trainings in `folder`, a run each."""

    def __init__(self, space: Space, data: Data, folder: Path) -> None:
        self.space, self.folder = space, folder
        self.watch: Callable[[Any, float], None] | None = None  # of each training
        self.data = replace(data, sealed_test=None)  # nothing here can open it
        self.rows = len(data.validation)
        first = self._metric()
        low, high = first.bounds
        self.bounded = math.isfinite(low) and math.isfinite(high) and not self.task.writes
        self.sign = 1 if first.higher_is_better and not self.task.writes else -1
        best = high if first.higher_is_better else -low
        self.ceiling = best if self.bounded else 0.0 if self.task.writes else math.inf
        self.fold, self.fold_note = fresh_fold(space.plan, self.data)
        self._latencies: dict[str, float] = {}
        self.latency: float | None = None  # of the plan as it stands

    # --- what a search asks for

    def limits(self, trial: Trial) -> None:
        """Raise OverLimit where a prediction takes too long: measured on the untrained network."""
        limit = self.space.plan.tune.latency
        if limit is None:
            return
        seconds = self._latency_of(self._plan(trial))
        if trial.number == 0:
            self.latency = seconds
        if seconds > limit:
            raise OverLimit(
                _(
                    "one row takes {seconds:.1f} ms, more than {limit:.1f} ms",
                    seconds=seconds * 1000,
                    limit=limit * 1000,
                )
            )

    def reach(self, trial: Trial, epochs: float, until: float) -> Result:
        """Train up to so many epochs. The score is the best of all evaluations until there, since
        those weights are kept."""
        plan = self._plan(trial)
        run = self._run(f"trial-{trial.number:03d}", plan)
        if stored := run.read(REACHED).get(f"{epochs:g}"):
            return Result(*stored)  # a kill came before the journal
        known = self._from_log(run, epochs)
        if known is not None and trial.epochs > epochs and run.last.exists():
            return known  # a kill came between training and journal
        begun = awake()
        stop = _StopAt(self._spacing(plan, epochs), until, self._memory_limit(), self.watch)
        with FreshPeak():
            outcome = train(plan, self.data, run, resume=True, watch=stop)
        stop.raise_reason(outcome.state)
        ended = outcome.state != "interrupted"
        reached = outcome.step * plan.train.batch_size / len(self.data.train)
        if ended:
            shutil.rmtree(run.last, ignore_errors=True)
            shutil.rmtree(run.best, ignore_errors=True)
        seconds = round(awake() - begun, 3)
        result = Result(_score_of(run, outcome.score), round(reached, 4), seconds, ended)
        run.write(REACHED, {**run.read(REACHED), f"{epochs:g}": list(vars(result).values())})
        return result

    def fresh(self, trial: Trial, seed: int, until: float) -> tuple[float, float]:
        """A whole training with another seed, evaluated on the fresh fold."""
        plan = self._plan(trial).with_({"train.seed": seed})
        run = self._run(f"fresh-{trial.number:03d}-{seed}", plan)
        if stored := run.read(REACHED):
            return stored["score"], stored["seconds"]
        begun = awake()
        stop = _StopAt(math.inf, until, None, self.watch)
        outcome = train(plan, self.fold, run, resume=True, watch=stop)
        stop.raise_reason(outcome.state)
        rows = judged_part(outcome.model, self.fold.validation)
        answers = answers_of(outcome.model, rows)[2]
        write_answers(run, Evaluated(rows, answers, {}), "validation")
        seconds = round(awake() - begun, 3)
        run.write(REACHED, {"score": outcome.score, "seconds": seconds})
        for folder in (run.last, run.best):
            shutil.rmtree(folder, ignore_errors=True)
        return outcome.score, seconds

    def forget(self, trials: Sequence[Trial]) -> None:
        """Remove weights of trials that are unlikely to be promoted. One that is nevertheless is
        trained again from its beginning, with the same result."""
        names = {f"trial-{one.number:03d}" for one in trials}
        for path in self.folder.glob("trial-*"):
            if path.name not in names:
                for inside in ("last", "best"):
                    shutil.rmtree(path / inside, ignore_errors=True)

    def answers_folder(self, trial: int, seed: int) -> Path:
        """Where the answers of a fresh seed lie."""
        return self.folder / f"fresh-{trial:03d}-{seed}"

    # --- plans and runs

    def _plan(self, trial: Trial) -> Plan:
        return self.space.plan_of(trial.values).with_(BARE)

    def _run(self, name: str, plan: Plan) -> Run:
        folder = self.folder / name
        if (folder / "plan.yaml").is_file():
            return Run.open(folder)
        shutil.rmtree(folder, ignore_errors=True)  # a kill came before its plan was written
        return Run.create(self.folder, name, plan, exact=True)

    def _spacing(self, plan: Plan, epochs: float) -> float:
        """Epochs from which an evaluation counts for a rung: evaluations lie on a grid of their
        own, and the one that is nearest is taken."""
        return epochs - plan.train.epochs / plan.train.evaluations / 2

    def _from_log(self, run: Run, epochs: float) -> Result | None:
        """What a run's log says of a rung, if it was reached."""
        plan = run.plan()
        each = plan.train.batch_size / len(self.data.train)
        from_ = self._spacing(plan, epochs)
        lines = [line for line in run.log_lines() if line.validation]
        if not lines or lines[-1].step * each < from_ or not lines[-1].step:
            return None
        seconds = run.status().seconds or 0.0
        score = _score_of(run, -math.inf)
        return Result(score, round(lines[-1].step * each, 4), round(seconds, 3), False)

    @property
    def task(self) -> Task:
        """The task, before it has learned anything."""
        name = self.space.plan.task_name
        built: Task = parts.build("tasks", name, self.space.plan.task[name])
        return built

    def metric_logged(self) -> str:
        """The name of what validation measures in training; of texts it is their loss."""
        names = metrics_of(self.task, self.space.plan.evaluate.metrics)
        return "loss" if self.task.writes else next(iter(names))

    def _metric(self) -> Metric:
        return next(iter(metrics_of(self.task, self.space.plan.evaluate.metrics).values()))

    # --- limits

    def _memory_limit(self) -> int | None:
        return self.space.plan.tune.memory

    def _latency_of(self, plan: Plan) -> float:
        key = fingerprint.of_text(repr((plan.model, plan.data.cleaners, plan.train.precision)))
        if key not in self._latencies:
            self._latencies[key] = measured_latency(plan, self.data)
        return self._latencies[key]


def measured_latency(plan: Plan, data: Data) -> float:
    """Median seconds to predict one validation row."""
    import torch

    model = Model.start(plan, data.train, data.validation)
    picked = np.linspace(0, len(data.validation) - 1, min(LATENCY_ROWS, len(data.validation)))
    examples = data.validation.examples(picked.astype(int))
    seconds = []
    with torch.no_grad():
        for example in [*examples[:WARMUP_ROWS], *examples]:
            begun = time.perf_counter()
            model.scores([example])
            seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds[WARMUP_ROWS:]))


def fresh_fold(plan: Plan, data: Data) -> tuple[Data, str]:
    """Rows on which candidates are compared: a new validation fold out of the training rows, the
    old one is learned from instead. Choosing among many trials fits the validation rows; it has not
    seen these. And a note where there are too few rows for one."""
    rows = data.train
    separate = plan.data.validation_path or data.train.table is not data.validation.table
    if separate or len(rows) < MIN_TRAIN_ROWS * len(data.validation):
        note = _(
            "fresh seeds are compared on the validation rows of the search: no other rows were free"
        )
        return data, note
    keys = duplicates.text_keys(rows.table, rows.text_columns, rows.indices)
    units = with_near_groups(units_of(rows, keys), rows, plan.data.near_duplicates, [])
    reader = reader_of(plan.task_name)
    rest, inside, _none = split(
        reader.strata(rows.targets()),
        len(rows),
        len(data.validation) / len(rows),
        0.0,
        FOLD_SEED,
        stratify=True,
        groups=units,
    )
    learned: Rows = joined(rows.take(rest), data.validation)
    return replace(data, train=learned, validation=rows.take(inside)), ""


class _StopAt:
    """Watches a training and stops it: at a rung, at a moment, at a limit of memory."""

    def __init__(
        self,
        epochs: float,
        until: float,
        memory: int | None,
        watch: Callable[[Any, float], None] | None,
    ) -> None:
        self.epochs, self.until, self.memory, self.watch = epochs, until, memory, watch
        self.reason = ""

    def __call__(self, progress: Any, seconds_left: float) -> None:
        if self.watch:
            self.watch(progress, seconds_left)
        if self.memory and peak_bytes() > self.memory:
            self._stop(progress, "memory")
        elif awake() > self.until:
            self._stop(progress, "time")
        elif self._at_rung(progress):
            self._stop(progress, "rung")

    def _at_rung(self, progress: Any) -> bool:
        evaluated = progress.report is not None and progress.step < progress.total
        return evaluated and self.epochs <= progress.epoch

    def _stop(self, progress: Any, reason: str) -> None:
        self.reason = self.reason or reason
        progress.stop()

    def raise_reason(self, state: str) -> None:
        """Raise what ended the training, unless it was its end or its rung."""
        if self.reason == "memory":
            assert self.memory is not None
            raise OverLimit(
                _(
                    "training takes {taken:.2f} GB of memory, more than {limit:.2f} GB",
                    taken=peak_bytes() / 1e9,
                    limit=self.memory / 1e9,
                )
            )
        if state != "interrupted" or self.reason == "rung":
            return
        if self.reason == "time":
            raise OutOfTime
        raise KeyboardInterrupt


def peak_bytes() -> float:
    """Peak memory: of the card where one is used, else of this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    with suppress(OSError, ValueError):  # Linux: the peak since it was reset
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    return peak_memory_mb() * 1e6


class FreshPeak:
    """The peak of memory counts from here on, where the system can reset it (Linux, CUDA).
    Elsewhere the peak is that of all trials: a limit is then never missed, at most too strict."""

    def __enter__(self) -> None:
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def __exit__(self, *error: object) -> None:
        """Nothing to undo."""


def _score_of(run: Run, otherwise: float) -> float:
    """The best score of a run's evaluations, by its log; higher is better."""
    best = otherwise
    for line in run.log_lines():
        if not line.validation:
            continue
        name, value = next(iter(line.validation.items()))
        if value is None or math.isnan(value):
            continue
        known = name in parts.names("metrics")
        higher = known and parts.find("metrics", name).higher_is_better
        best = max(best, value if higher else -value)
    return best
