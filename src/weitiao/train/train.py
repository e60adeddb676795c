"""Plan in, trained model out: the loop run for real, with log, checkpoints, budget and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.state import AcceleratorState

from weitiao import disk
from weitiao.data.data import Data, Rows
from weitiao.data.stepped import run_steps
from weitiao.errors import RunError, WeitiaoError
from weitiao.evaluate.evaluate import Report
from weitiao.messages import tell
from weitiao.model.model import Model
from weitiao.plan import Plan
from weitiao.run import Run, now
from weitiao.train import checkpoint
from weitiao.train.budget import Clock, Pace
from weitiao.train.feed import Feed
from weitiao.train.fit import Progress, fit
from weitiao.train.replay import Replay

BYTES_A_PARAMETER = 32  # best/ and, with two moments, last/: each twice while it is swapped
Watch = Callable[[Progress, float], None]  # (what happened, seconds left)


@dataclass(frozen=True)
class Outcome:
    """What training gave: the best model, and why it ended."""

    model: Model
    state: str  # finished, early, interrupted
    step: int
    total: int
    seconds: float
    score: float


def train(
    plan: Plan,
    data: Data,
    run: Run,
    *,
    resume: bool = False,
    watch: Watch | None = None,
    clock: Clock | None = None,
) -> Outcome:
    """Train by the plan inside the run's folder; the best model ends up in run.best.

    resume: go on from run.last, exactly where it stood. clock: what the budget is counted by.
    Raises WeitiaoError for what the user can mend; an interruption (Ctrl-C) keeps the best.
    """
    AcceleratorState._reset_state()  # an earlier run of this process may have had another precision
    accelerator = Accelerator(mixed_precision="bf16" if plan.train.precision == "bf16" else "no")
    main = accelerator.is_main_process
    with _alone(run, main):
        if main:
            run.repair()
        accelerator.wait_for_everyone()
        start = run.last if resume and run.last.exists() else None
        state, replay = checkpoint.State(), Replay()
        if start:
            state, settings = checkpoint.read(start)
            _obey(settings)
        if main:
            if resume:
                replay = Replay.after(run, state.log_size)
            run.cut_log(state.log_size)
        passed = state.seconds
        clock = clock or Clock(plan.train.budget)
        clock.start(passed)
        watcher = _Watcher(run, clock, replay, watch, accelerator)
        try:
            watcher.status("preparing")
            train_rows = run_steps(data.train, plan.data.steps, plan.train.seed)
            model = Model.start(plan, train_rows, data.validation)
            disk.need(
                run.folder, BYTES_A_PARAMETER * sum(p.numel() for p in model.net.parameters())
            )
            feed, validation = _feed(model, train_rows), _feed(model, data.validation)
            with (
                closing(fit(model, feed, validation, accelerator, start)) as steps,
                _patient() as ask,
            ):
                for progress in steps:
                    watcher.see(progress, model, plan, ask)
            accelerator.wait_for_everyone()
            watcher.status(watcher.ended)
        except BaseException as error:
            with suppress(OSError):  # a full disk takes no status either
                watcher.status("failed" if isinstance(error, WeitiaoError) else "interrupted")
            if isinstance(error, OSError) and disk.is_refusal(error):
                raise RunError(_stopped(run, watcher, error)) from None
            raise
    if not run.best.exists():
        raise RunError(
            tell(
                "{folder}: training ended before validation was judged once: there is no model to "
                "keep. Give it more time.",
                folder=run.folder,
            )
        )
    return Outcome(
        Model.load(run.best),
        watcher.ended,
        watcher.step,
        watcher.total,
        clock.passed(),
        watcher.score,
    )


def _stopped(run: Run, watcher: _Watcher, error: OSError) -> str:
    if not (run.last.exists() or run.best.exists()):
        return disk.told(error)
    return tell(
        "{reason} Training stopped at update {step}; what was saved is whole. "
        "Then go on: weitiao train --resume {folder}",
        reason=disk.told(error), step=watcher.step, folder=run.folder,
    )  # fmt: skip


def _feed(model: Model, rows: Rows) -> Feed:
    return Feed(model.encode(rows), model.task.indices(rows.targets(), rows.ids()))


class _Watcher:
    """What happens after each update: log, checkpoint, best model, early stop, budget."""

    def __init__(
        self,
        run: Run,
        clock: Clock,
        replay: Replay,
        watch: Watch | None,
        accelerator: Accelerator,
    ) -> None:
        self.run, self.clock, self.replay, self.watch = run, clock, replay, watch
        self.accelerator, self.main = accelerator, accelerator.is_main_process
        self.pace = Pace(clock)
        self.step = self.total = 0
        self.report: Report | None = None  # the best one
        self.score = float("-inf")
        self.ended = "finished"
        self.saved, self.told = clock.passed(), float("-inf")
        self.begun = now()

    def see(self, progress: Progress, model: Model, plan: Plan, ask: Callable[[], bool]) -> None:
        self.step, self.total = progress.step, progress.total
        if progress.report is None:
            self._updated(progress, plan)
        else:
            self._judged(progress, model, plan)
        if ask():
            progress.stop()
        if progress.report is None and progress.stopping and self.ended == "finished":
            self._save(progress)  # so that nothing is lost when it goes on
            self.ended = "interrupted"
            self._log(step=progress.step, event="stop", why=self.ended)
        if self.watch:
            self.watch(progress, self.pace.seconds_left(progress.step, progress.total))
        self.status("running", often=False)

    def _updated(self, p: Progress, plan: Plan) -> None:
        self.pace.updated()
        line = {"step": p.step, "epoch": round(p.epoch, 6), "loss": p.loss,
                "learning_rate": p.learning_rate, "gradient_norm": p.gradient_norm}  # fmt: skip
        self._log(**line)
        total, save = self._decide(p, plan)
        if total is not None and total != p.total:
            self._log(step=p.step, event="replan", total=total)
            p.replan(total)
        if save:
            self._save(p)

    def _decide(self, p: Progress, plan: Plan) -> tuple[int | None, bool]:
        """What depends on the clock: the first process decides, the others hear it.

        What was decided before a kill is decided again, as the log says.
        """
        if p.step <= self.replay.until:
            total = self.replay.totals.get(p.step)
        else:
            self.replay.forget(self.run)
            total = self.pace.total(p.step, p.total, p.planned, plan.train.evaluations)
        save = self.clock.passed() - self.saved >= plan.train.save_seconds
        if self.accelerator.num_processes == 1:
            return total, save
        from accelerate.utils import broadcast_object_list

        told = broadcast_object_list([total, save])
        return told[0], told[1]

    def _save(self, p: Progress) -> None:
        self.saved = self.clock.passed()
        size, passed = self.run.log_size(), self.clock.passed()
        if self.accelerator.num_processes == 1:
            with self.run.replacing("last") as folder:
                p.save(folder, size, passed)
        elif self.main:
            with self.run.replacing("last") as folder:
                self.accelerator.wait_for_everyone()
                p.save(folder, size, passed)
                self.accelerator.wait_for_everyone()
            self.accelerator.wait_for_everyone()
        else:
            self.accelerator.wait_for_everyone()
            p.save(self.run.folder / "last.new", size, passed)
            self.accelerator.wait_for_everyone()
            self.accelerator.wait_for_everyone()
        self.pace.rested()

    def _judged(self, p: Progress, model: Model, plan: Plan) -> None:
        assert p.report is not None
        self._log(step=p.step, validation=dict(p.report.metrics), best=p.best)
        if p.best and self.main:
            self.score, self.report = p.report.score, p.report
            with self.run.replacing("best") as folder:
                model.save(folder)
        self.pace.judged()
        if plan.train.patience and p.stale >= plan.train.patience and p.step < p.total:
            self.ended = "early"
            self._log(step=p.step, event="stop", why=self.ended)
            p.stop()

    def _log(self, **values: Any) -> None:
        if self.main:
            self.run.log(**values)

    def status(self, state: str, often: bool = True) -> None:
        if not self.main or not (often or now() - self.told > 1):
            return
        self.told = now()
        left = self.pace.seconds_left(self.step, self.total) if state == "running" else None
        self.run.write(
            "status",
            {"state": "running" if state == "preparing" else state, "step": self.step,
             "total": self.total, "metric": self.report and self.report.primary,
             "value": self.report and self.report.metrics[self.report.primary],
             "seconds_left": left, "pid": os.getpid(), "started": self.begun,
             "seconds": self.clock.passed()},
        )  # fmt: skip


def _obey(settings: checkpoint.Settings) -> None:
    import torch

    torch.set_num_threads(settings.threads)


@contextmanager
def _alone(run: Run, main: bool) -> Iterator[None]:
    """One process at a time writes into a run."""
    from filelock import FileLock, Timeout

    if not main:
        yield
        return
    lock = FileLock(Path(run.folder) / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise run.busy() from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _patient() -> Iterator[Callable[[], bool]]:
    """Ctrl-C asks the loop to end after the current step; a second one ends it at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
