"""Plan in, trained model out: the loop run for real, with log, checkpoints, budget and Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from weitiao.core import disk
from weitiao.data.prepare.load import Data, Rows, run_steps
from weitiao.errors import RunError, WeitiaoError
from weitiao.hardware.probe import obeying, resolve
from weitiao.i18n.messages import _
from weitiao.model.fast import fused
from weitiao.model.fast.select import kernels, pinned
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.run import Run
from weitiao.training import checkpoint, distributed, sharding
from weitiao.training.budget import Clock
from weitiao.training.inputs import Feed, updates_of
from weitiao.training.loop import fit
from weitiao.training.recorder import Watch, Watcher
from weitiao.training.replay import Replay

# best/ and, with two moments, last/: each twice while it is swapped.
BYTES_A_PARAMETER, BYTES_LEARNED = 8, 24


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
    Raises WeitiaoError for what the user can mend; an interruption (Ctrl-C) keeps the best, and
    is a KeyboardInterrupt when there is none yet.
    """
    sharding.refuse(plan)
    here = distributed.here()
    main = here.is_main_process
    with _alone(run, main):
        if main:
            run.repair()
        here.wait_for_everyone()
        start = run.last if resume and run.last.exists() else None
        state, settings = checkpoint.read(start) if start else (checkpoint.State(), None)
        if settings:
            torch.set_num_threads(settings.threads)
        kind = settings.precision if settings else _arithmetic(plan)
        names = settings.kernels if settings else _kernels(kind)
        with obeying(kind), pinned(names):
            job = _Job(plan, data, run, watch, clock or Clock(plan.train.budget))
            try:
                return job.carry_out(start, state, kind, resume)
            finally:
                distributed.forget()


@dataclass(frozen=True)
class _Job:
    """What is to be done, once it is known where it starts."""

    plan: Plan
    data: Data
    run: Run
    watch: Watch | None
    clock: Clock

    def carry_out(
        self, start: Path | None, state: checkpoint.State, kind: str, resume: bool
    ) -> Outcome:
        plan, run, clock = self.plan, self.run, self.clock
        accelerator = distributed.accelerator(kind)
        replay = Replay()
        if accelerator.is_main_process:
            if resume:
                replay = Replay.after(run, state.log_size)
            run.cut_log(state.log_size)
            run.write("environment", {**run.read("environment"), "precision": kind})
        clock.start(state.seconds)
        asked = plan.train.micro_batch_tokens
        told = state.tokens if start else None if asked == "auto" else asked
        watcher = Watcher(run, clock, replay, self.watch, accelerator, told)
        watcher.goes_on(state)  # it may have no update left
        try:
            watcher.status("preparing")
            self._train(watcher, start)
            accelerator.free_memory()  # before the best model comes into memory
            watcher.status(watcher.ended)
        except BaseException as error:
            with suppress(OSError):  # a full disk takes no status either
                watcher.status("failed" if isinstance(error, WeitiaoError) else "interrupted")
            if isinstance(error, OSError) and disk.is_refusal(error):
                raise RunError(_stopped(run, watcher, error)) from None
            raise
        if not run.best.exists():
            if watcher.ended == "interrupted":
                raise KeyboardInterrupt
            raise RunError(
                _(
                    "{folder}: training ended before validation was judged once: there is no model "
                    "to keep. Give it more time.",
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

    def _train(self, watcher: Watcher, start: Path | None) -> None:
        plan, data, accelerator = self.plan, self.data, watcher.accelerator
        train_rows = run_steps(data.train, plan.data.steps, plan.train.seed)
        model = Model.start(plan, train_rows, data.validation)
        sizes = [(p.numel(), p.requires_grad) for p in model.net.parameters()]
        each = (count * (BYTES_A_PARAMETER + BYTES_LEARNED * learns) for count, learns in sizes)
        disk.need(self.run.folder, sum(each))
        feed, validation = feed_of(model, train_rows), judged_feed(model, data.validation)
        watcher.pace.evaluation = updates_of(validation, feed, plan.train.batch_size)
        steps = fit(model, feed, validation, accelerator, start, watcher.replay.tokens)
        progress = None
        with closing(steps), _patient() as ask:
            for progress in steps:
                watcher.see(progress, model, plan, ask)
        if progress:
            watcher.left(progress)
        accelerator.wait_for_everyone()


def _arithmetic(plan: Plan) -> str:
    """What the plan's precision means here; the first of several processes decides for all."""
    here = distributed.here()
    kind = resolve(plan.train.precision, here.device.type) if here.is_main_process else ""
    return str(distributed.agreed(kind))


def _kernels(kind: str) -> str | None:
    """Which own kernels run: the first of several processes decides for all; one by itself when it
    knows that its network has any."""
    here = distributed.here()
    if here.num_processes == 1 or here.device.type != "cpu":
        return None
    name = kernels(fused.DTYPES[kind]).name if here.is_main_process else ""
    return str(distributed.agreed(name))


def _stopped(run: Run, watcher: Watcher, error: OSError) -> str:
    if not (run.last.exists() or run.best.exists()):
        return disk.explanation(error)
    return _(
        "{reason} Training stopped at update {step}; what was saved is whole. "
        "Then go on: weitiao train --resume {folder}",
        reason=disk.explanation(error), step=watcher.step, folder=run.folder,
    )  # fmt: skip


def feed_of(model: Model, rows: Rows) -> Feed:
    """Rows to learn from."""
    encoded = model.encode(rows)
    return Feed(encoded, model.task.labels_for(encoded, model.task.truth(rows)))


def judged_feed(model: Model, rows: Rows) -> Feed:
    """Rows to judge by."""
    return Feed(model.encode(rows), model.task.truth(rows))


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
