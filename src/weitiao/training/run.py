"""Run the training loop for a plan: with log, checkpoints, budget and Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from weitiao.core import disk, notice
from weitiao.data.prepare.load import Data, Rows
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.soft_labels import shares_of
from weitiao.errors import RunError, WeitiaoError
from weitiao.evaluation.evaluate import Report, evaluate_network
from weitiao.hardware import phases
from weitiao.hardware.machine import return_memory
from weitiao.hardware.probe import pinned_precision, resolve
from weitiao.i18n.messages import _
from weitiao.model.fast import fused
from weitiao.model.fast.select import kernels, pinned
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.run import Run
from weitiao.training import checkpoint, distributed, linear_start, sharding
from weitiao.training.batches import Feed, updates_of
from weitiao.training.budget import Clock
from weitiao.training.loop import Course, Length, fit, planned_updates
from weitiao.training.negatives import with_hard_negatives
from weitiao.training.recorder import Recorder, Watch
from weitiao.training.replay import Replay

# Disk space: best/ holds 4 bytes a parameter; last/ 4 and two moments of 4 for a trained one. Each
# folder exists twice while it is swapped.
DISK_BYTES_A_PARAMETER, DISK_BYTES_TRAINED = 8, 24


@dataclass(frozen=True)
class Outcome:
    """The result of training: the best model, and why it ended."""

    model: Model
    state: str  # finished, early, interrupted
    step: int
    total: int
    seconds: float
    score: float
    best_step: int | None = None  # 0: the output layer alone was fitted
    start_seconds: float = 0.0  # before the first update or evaluation
    update_seconds: float | None = None  # None: no update was timed


@dataclass(frozen=True)
class Hooks:
    """Callbacks of a training. before: with the model before anything is learned (simple models are
    fitted then). started: with the report of the linear start, from which fine-tuning goes on."""

    before: Callable[[Model], None] | None = None
    started: Callable[[Report], None] | None = None


def train(
    plan: Plan,
    data: Data,
    run: Run,
    *,
    resume: bool = False,
    watch: Watch | None = None,
    clock: Clock | None = None,
    hooks: Hooks | None = None,
) -> Outcome:
    """Train a plan inside the run's folder; the best model ends up in run.best.

    resume: continue exactly from the checkpoint run.last. clock: counts the budget. Raises
    WeitiaoError for what the user can fix; an interruption (Ctrl-C) keeps the best model, and is a
    KeyboardInterrupt when there is none yet.
    """
    clock = clock or Clock(plan.train.budget)
    return _trained(_Training(plan, data, run, watch, clock, hooks or Hooks()), resume)


def train_on_all(
    plan: Plan,
    data: Data,
    run: Run,
    length: Length,
    watch: Watch | None = None,
    rate_factor: float = 1.0,
) -> Outcome:
    """Train so long without validation, and keep the last weights; from the last checkpoint of the
    run, if there is one. There is no budget. Raises as `train`."""
    training = _Training(plan, data, run, watch, Clock(), length=length, rate_factor=rate_factor)
    return _trained(training, resume=True)


def _trained(training: _Training, resume: bool) -> Outcome:
    plan, run = training.plan, training.run
    sharding.refuse(plan)
    here = distributed.here()
    main = here.is_main_process
    with locked(run, main):
        if main:
            run.repair()
        here.wait_for_everyone()
        start = run.last if resume and run.last.exists() else None
        state, settings = checkpoint.read(start) if start else (checkpoint.State(), None)
        if settings:
            # The order in which products are summed, and so their last bits, depend on it.
            torch.set_num_threads(settings.threads)
        kind = settings.precision if settings else _arithmetic(plan)
        names = settings.kernels if settings else _kernels(kind)
        with pinned_precision(kind), pinned(names):
            try:
                return training.run_from(start, state, kind, resume)
            finally:
                distributed.forget()


@dataclass(frozen=True)
class _Training:
    """One training run, once it is known from which checkpoint it starts."""

    plan: Plan
    data: Data
    run: Run
    watch: Watch | None
    clock: Clock
    hooks: Hooks = field(default_factory=Hooks)
    length: Length | None = None
    rate_factor: float = 1.0  # of the training whose length is repeated

    def run_from(
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
        wanted = plan.train.micro_batch_tokens
        logged = state.tokens if start else None if wanted == "auto" else wanted
        recorder = Recorder(run, clock, replay, self.watch, accelerator, logged)
        recorder.restore(state)  # there may be no update left that would set them
        try:
            recorder.write_status("preparing")
            try:
                self._train(recorder, start)
            finally:
                recorder.swaps.wait()
            accelerator.free_memory()  # before the best model comes into memory
            return_memory()
            if recorder.ended == "interrupted" or not run.best.exists():
                recorder.write_status(recorder.ended)
            else:
                recorder.write_trained(kind)
        except BaseException as error:
            with suppress(OSError):  # a full disk takes no status either
                recorder.write_status(
                    "failed" if isinstance(error, WeitiaoError) else "interrupted"
                )
            if isinstance(error, OSError) and disk.is_refusal(error):
                raise RunError(_disk_full(run, recorder, error)) from None
            raise
        if not run.best.exists():
            if recorder.ended == "interrupted":
                raise KeyboardInterrupt
            raise RunError(
                _(
                    "{folder}: training ended before the first evaluation: there is no model to "
                    "save. Give it more time.",
                    folder=run.folder,
                )
            )
        return Outcome(
            Model.load(run.best),
            recorder.ended,
            recorder.step,
            recorder.total,
            clock.passed(),
            recorder.score,
            recorder.best_step,
            recorder.start_seconds or 0.0,
            recorder.pace.update_seconds(),
        )

    def _train(self, recorder: Recorder, start: Path | None) -> None:
        plan, data, accelerator = self.plan, self.data, recorder.accelerator
        with notice.during(_("preparing the training rows")):
            done: list[str] = []
            train_rows = run_steps(data.train.weighing(), plan.data.steps, plan.train.seed, done)
            self._record(done)
            model = Model.start(plan, train_rows, data.validation)
        sizes = [(p.numel(), p.requires_grad) for p in model.net.parameters()]
        each = (
            count * (DISK_BYTES_A_PARAMETER + DISK_BYTES_TRAINED * trained)
            for count, trained in sizes
        )
        disk.need(self.run.folder, sum(each))
        if self.hooks.before:
            with phases.during("baselines"):
                self.hooks.before(model)
        with notice.during(_("tokenizing the rows")):
            feed = training_feed(model, train_rows, plan.train.truncate_to)
            if getattr(model.task, "hard_negatives", False):
                model.net.to(accelerator.device)
                feed = with_hard_negatives(model, feed)
            until = self.length or validation_feed(model, data.validation)
        recorder.kernels = model.net.kernels
        course = Course(best=recorder.score)
        if isinstance(until, Length):
            course = replace(course, rate_factor=self.rate_factor)
            if start is None:
                self._start_linear(model, train_rows, recorder)
        else:
            recorder.pace.evaluation = updates_of(until, feed, plan.train.batch_size)
            fitted = start is None and self._start_linear(model, train_rows, recorder)
            # An encoder ranks before it is trained: it must not end up worse.
            if start is None and (fitted or model.task.contrasts):
                model.net.to(accelerator.device)
                recorder.clock.minimum = 0.0
                recorder.pace.pause()
                with (
                    phases.during("evaluations"),
                    notice.during(_("evaluating the model before training")),
                ):
                    report = evaluate_network(
                        model, model.net, until.encoded, until.labels, accelerator
                    )
                    wanted = planned_updates(plan.train, len(feed.labels))
                    course = recorder.evaluated_first(report, model, plan, wanted, fitted)
                if fitted and self.hooks.started:
                    self.hooks.started(report)
                if course.total == 0:
                    return
        steps = fit(model, feed, until, accelerator, start, recorder.replay.tokens, course)
        progress = None
        first = ExitStack()
        first.enter_context(notice.during(_("first step: memory is measured, kernels are built")))
        training = phases.during("training")
        with training, closing(steps), first, _interruptible() as stop_requested:
            for progress in steps:
                first.close()
                recorder.handle(progress, model, plan, stop_requested)
        if progress:
            recorder.finish(progress)
        accelerator.wait_for_everyone()

    def _record(self, history: Sequence[str]) -> None:
        """Tell what the plan's steps did, and write it behind the history of the rows."""
        if not history or not distributed.here().is_main_process:
            return
        environment = self.run.read("environment")
        known = environment.get("history", [])
        new = [line for line in history if line not in known]
        self.run.write("environment", {**environment, "history": [*known, *new]})
        for line in new:
            notice.now(line)

    def _start_linear(self, model: Model, train: Rows, recorder: Recorder) -> bool:
        """Fit the output layer before training, where the plan and the head allow it, to texts as
        long as predictions read them."""
        if not (self.plan.train.linear_start and linear_start.possible(model)):
            return False
        accelerator = recorder.accelerator
        model.net.to(accelerator.device)
        rows = distributed.agreed(recorder.replay.linear_rows)
        left = None if rows or accelerator.num_processes > 1 else recorder.linear_seconds()
        fitting = notice.during(_("fitting the output layer to features of the frozen network"))
        with phases.during("linear_start"), fitting:
            feed = training_feed(model, train)
            origins = linear_start.origins_of(train, feed.encoded)
            fitted = linear_start.fit_output_layer(
                model, feed, model.loss(), rows or linear_start.MAX_ROWS, left, origins=origins
            )
        distributed.agreed(fitted).put_into(model)
        recorder.linear_started(fitted)
        return True


def _arithmetic(plan: Plan) -> str:
    """Resolve the plan's precision on this machine; rank 0 decides for all processes."""
    here = distributed.here()
    kind = resolve(plan.train.precision, here.device.type) if here.is_main_process else ""
    return str(distributed.agreed(kind))


def _kernels(kind: str) -> str | None:
    """The name of the kernels that run, broadcast from rank 0; None for a single process, which
    finds out by itself, once its network needs any."""
    here = distributed.here()
    if here.num_processes == 1 or here.device.type != "cpu":
        return None
    name = kernels(fused.DTYPES[kind]).name if here.is_main_process else ""
    return str(distributed.agreed(name))


def _disk_full(run: Run, recorder: Recorder, error: OSError) -> str:
    if not (run.last.exists() or run.best.exists()):
        return disk.explanation(error)
    return _(
        "{reason} Training stopped at update {step}; what was saved is whole. "
        "Then go on: weitiao train --resume {folder}",
        reason=disk.explanation(error),
        step=recorder.step,
        folder=run.folder,
    )


def training_feed(model: Model, rows: Rows, max_length: int | None = None) -> Feed:
    """Encoded training rows with their labels; max_length: tokens, where fewer are learned."""
    encoded = model.encode(rows, max_length)
    labels, weights = model.task.labels_for(encoded, model.task.gold(rows)), rows.weights()
    if model.task.soft and (shares := shares_of(rows, model.task.choices)) is not None:
        labels = shares
    if weights is not None and model.task.per_token:  # an example may be several windows
        weights = weights[encoded.owners]
    return Feed(encoded, labels, weights)


def validation_feed(model: Model, rows: Rows) -> Feed:
    """Encoded validation rows with their gold targets."""
    return Feed(model.encode(rows), model.task.gold(rows))


@contextmanager
def locked(run: Run, main: bool) -> Iterator[None]:
    """File lock of the run: one training at a time writes into it. Only rank 0 holds the lock."""
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
def _interruptible() -> Iterator[Callable[[], bool]]:
    """SIGINT handler: Ctrl-C stops the loop after the current update, a second one at once."""
    requested = threading.Event()
    # Python allows signal handlers in the main thread alone.
    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return

    def on_interrupt(number: int, frame: Any) -> None:
        requested.set()
        notice.now(_("stopping after this step and saving; Ctrl-C again stops at once"))
        signal.signal(signal.SIGINT, before)  # the second one raises KeyboardInterrupt again

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield requested.is_set
    finally:
        signal.signal(signal.SIGINT, before)
