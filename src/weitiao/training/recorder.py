"""Recording of a training run: log, checkpoints, best model, early stopping, time budget."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator

from weitiao.core.atomic import BackgroundSwap
from weitiao.evaluation.evaluate import Report
from weitiao.hardware import phases
from weitiao.model.model import Model
from weitiao.model.output_layer import OutputLayer
from weitiao.planfile.plan import Plan
from weitiao.run import TRAINED, Run, Trained, now
from weitiao.training import distributed
from weitiao.training.budget import Clock, Pace
from weitiao.training.checkpoint import State
from weitiao.training.loop import Course, Progress
from weitiao.training.replay import Replay

LINEAR_SHARE = 0.35  # of the time left in a budget: for features of the frozen network

# Few updates at the full rate undo more of good features than they gain. Accuracy before and after
# 40 updates at 2e-4 and 2e-5 (bbc-news: 0.953; 0.935, 0.958) and 60 (sst2: 0.800; 0.840, 0.828).
FEW_UPDATES, ENOUGH_UPDATES = 75, 150
USUAL_ERROR = 0.2  # of the linear start on validation: from here on the full rate pays
LOWEST_FACTOR = 0.1

Watch = Callable[[Progress, float], None]  # (progress, seconds left)


def rate_factor(report: Report, updates: int) -> float:
    """The factor of the learning rate for so few updates, by the error of the linear start."""
    error = 1 - report.metrics.get("accuracy", report.score)
    if not 0 <= error <= 1:  # a metric without an error, such as MAE
        return 1.0
    gentle = min(1.0, max(LOWEST_FACTOR, (error / USUAL_ERROR) ** 1.5))
    few = (ENOUGH_UPDATES - updates) / (ENOUGH_UPDATES - FEW_UPDATES)
    return round(1 - (1 - gentle) * min(1.0, max(0.0, few)), 3)


class Recorder:
    """Handles everything that the loop yields, in the run's folder."""

    def __init__(
        self,
        run: Run,
        clock: Clock,
        replay: Replay,
        watch: Watch | None,
        accelerator: Accelerator,
        tokens: int | None,
    ) -> None:
        self.run, self.clock, self.replay, self.watch = run, clock, replay, watch
        self.accelerator, self.main = accelerator, accelerator.is_main_process
        self.tokens = tokens  # per forward pass, as logged last; None: not logged yet
        self.pace = Pace(clock)
        self.step = self.total = 0
        self.best: dict[str, Any] = {"metric": None, "value": None}
        self.best_step: int | None = None
        self.score = float("-inf")
        self.ended = "finished"
        self.saved = self.created = clock.passed()
        self.start_seconds: float | None = None  # loading, encoding, fitting the output layer
        self.status_written = float("-inf")
        self.begun = now()
        self.kernels: str | None = None  # that the network runs with
        self.evaluations = 0  # fewer than the plan's; 0: those of the plan
        self.swaps = BackgroundSwap(run.best)

    def restore(self, state: State) -> None:
        """Take over step, total and best score of a checkpoint."""
        self.step, self.total, self.score = state.step, state.total, state.best
        self.evaluations = state.evaluations
        if not self.main:
            return  # rank 0 truncates the log at the same time
        found = [line for line in self.run.history() if line.get("best") and line.get("validation")]
        if found:  # the first metric is the one that selects
            metric, value = next(iter(found[-1]["validation"].items()))
            self.best, self.best_step = {"metric": metric, "value": value}, found[-1].get("step")
        status = self.run.status()
        # What came after the checkpoint is cut from the log; best/ holds it all the same.
        if status.value is not None and (not found or (status.step or 0) > state.step):
            self.best = {"metric": status.metric, "value": status.value}

    def handle(
        self, progress: Progress, model: Model, plan: Plan, stop_requested: Callable[[], bool]
    ) -> None:
        """Log, save and stop after an update or an evaluation."""
        self.step, self.total = progress.step, progress.total
        if self.start_seconds is None:
            self.start_seconds = self.clock.passed() - self.created
        if progress.last:
            self._keep(model)
            return
        if progress.report is None:
            self._updated(progress, plan)
        else:
            with phases.during("evaluations"):
                self._evaluated(progress, model, plan)
        if stop_requested():
            progress.stop()
        # With a report the network holds weights for evaluation (EMA), which no checkpoint may
        # get: the interruption is then handled by the next Progress, or by `finish`.
        if progress.report is None:
            self._interrupted(progress)
        if self.watch:
            self.watch(progress, self._seconds_left())
        self.write_status("running", at_most_each_second=True)

    def _seconds_left(self) -> float:
        """Seconds that the steps will take yet, at most those of the budget; NaN: not known yet."""
        estimated = self.pace.seconds_left(self.step, self.total)
        return estimated if math.isnan(estimated) else min(estimated, max(self.clock.left(), 0.0))

    def linear_seconds(self) -> Callable[[], float] | None:
        """The seconds left of those that a budget gives to the features of the frozen network."""
        left = self.clock.left()
        if math.isinf(left):
            return None
        until = self.clock.passed() + LINEAR_SHARE * left
        return lambda: until - self.clock.passed()

    def linear_started(self, fitted: OutputLayer) -> None:
        """The output layer was fitted: the first evaluation follows."""
        self.start_seconds = self.clock.passed() - self.created
        self._log(step=0, event="linear", rows=fitted.rows, strength=fitted.strength)
        if self.main:
            fitted.save(self.run.linear)
        self.clock.minimum = 0.0  # there is a model from now on, however little time is left
        self.pace.pause()

    def evaluated_first(
        self, report: Report, model: Model, plan: Plan, wanted: int, fitted: bool = True
    ) -> Course:
        """Save the model as it is before training, and decide how the training goes on: with the
        updates of the plan (`wanted`), or what a budget has time for, 0 where that is too few; with
        fewer evaluations where they would take more time than learning leaves; and at a lower rate
        where few updates meet good features.

        fitted: the output layer was fitted to them.
        """
        self._log(step=0, validation=dict(report.metrics), best=True)
        self._save_best(report, 0, model)
        self.swaps.wait()  # from now on there is a model, whenever the run is killed
        self.pace.evaluated()
        total, evaluations = self.replay.totals.get(0), self.replay.evaluations
        if not self.replay.until:
            evaluations = self.pace.evaluations(plan.train.evaluations)
            total = self.pace.first_total(wanted, evaluations)
        total, evaluations = distributed.agreed((total, evaluations or plan.train.evaluations))
        fewer = evaluations != plan.train.evaluations
        if (total is not None and total != wanted) or fewer:
            known = wanted if total is None else total
            self._log(step=0, event="replan", total=known, evaluations=evaluations)
        self.total = wanted if total is None else total
        self.evaluations = evaluations if fewer else 0
        gentle = fitted and total is not None
        factor = rate_factor(report, self.total) if gentle else 1.0
        if factor < 1:
            self._log(step=0, event="rate", factor=factor)
        self.write_status("running")
        return Course(self.total, self.evaluations, factor, self.score)

    def finish(self, progress: Progress) -> None:
        """Handle a stop that was requested during the last evaluation. The loop has ended, so the
        network holds raw weights again and can be saved."""
        self._interrupted(replace(progress, report=None, last=False))

    def _interrupted(self, p: Progress) -> None:
        if p.stopping and self.ended == "finished":
            self._save(p)  # so that nothing is lost when it is resumed
            self.ended = "interrupted"
            self._log(step=p.step, event="stop", why=self.ended)

    def _updated(self, p: Progress, plan: Plan) -> None:
        self.pace.updated()
        self._log(
            step=p.step,
            epoch=round(p.epoch, 6),
            loss=p.loss,
            learning_rate=p.learning_rate,
            gradient_norm=p.gradient_norm,
        )
        if p.tokens != self.tokens:
            self._log(step=p.step, event="tokens", tokens=p.tokens)
            self.tokens = p.tokens
        total, save = self._decide(p, plan)
        if total is not None and total != p.total:
            self._log(step=p.step, event="replan", total=total)
            p.replan(total)
        if save:
            self._save(p)

    def _decide(self, p: Progress, plan: Plan) -> tuple[int | None, bool]:
        """A new total or None, and whether to save: rank 0 decides by its clock for all.

        Clocks differ between processes and between runs. So the decision is broadcast, it is
        logged, and a resumed run takes it from the log up to where the killed one came.
        """
        if p.step <= self.replay.until:
            total = self.replay.totals.get(p.step)
        else:
            self.replay.forget(self.run)
            evaluations = self.evaluations or plan.train.evaluations
            total = self.pace.total(p.step, p.total, p.planned, evaluations)
        save = self.clock.passed() - self.saved >= plan.train.save_seconds
        decided: tuple[int | None, bool] = distributed.agreed((total, save))
        return decided

    def _save(self, p: Progress) -> None:
        """Write a checkpoint. Of several processes, rank 0 makes the folder and swaps it in; the
        barriers keep the others from writing before it exists and after it has moved."""
        self.swaps.wait()  # best/ is not older than the checkpoint, whose log names it
        self.saved = self.clock.passed()
        size, used = self.run.log_size(), self.clock.used()
        if self.accelerator.num_processes == 1:
            with self.run.replacing("last") as folder:
                p.save(folder, size, used)
        elif self.main:
            with self.run.replacing("last") as folder:
                self.accelerator.wait_for_everyone()
                p.save(folder, size, used)
                self.accelerator.wait_for_everyone()
            self.accelerator.wait_for_everyone()
        else:
            self.accelerator.wait_for_everyone()
            p.save(self.run.folder / "last.new", size, used)
            self.accelerator.wait_for_everyone()
            self.accelerator.wait_for_everyone()
        self.pace.rested()

    def _evaluated(self, p: Progress, model: Model, plan: Plan) -> None:
        assert p.report is not None
        self._log(step=p.step, validation=dict(p.report.metrics), best=p.best)
        if p.best:
            self._save_best(p.report, p.step, model)
        self.pace.evaluated()
        if plan.train.patience and p.stale >= plan.train.patience and p.step < p.total:
            self.ended = "early"
            self._log(step=p.step, event="stop", why=self.ended)
            p.stop()

    def _keep(self, model: Model) -> None:
        """Save the last weights of a training without validation."""
        with self.run.replacing("best") as folder:
            model.save(folder)

    def _save_best(self, report: Report, step: int, model: Model) -> None:
        weights = model.state(keep=self.main)  # sharded weights are gathered by all ranks
        if self.main:
            metric = report.primary
            self.best = {"metric": metric, "value": report.metrics[metric]}
            self.best_step = step
            with self.swaps.filling() as folder:
                model.save(folder, weights)
        self.score = report.score

    def _log(self, **values: Any) -> None:
        if self.main:
            self.run.log(**values)

    def write_trained(self, precision: str) -> None:
        """Write that training has ended in order: what is left is to evaluate the best model."""
        score = self.score if math.isfinite(self.score) else None
        trained = Trained(
            ended=self.ended,
            score=score,
            threads=torch.get_num_threads(),
            precision=precision,
            kernels=self.kernels,
            best_step=self.best_step,
        )
        self.write_status(TRAINED, trained=trained.model_dump())

    def write_status(self, state: str, at_most_each_second: bool = False, **more: Any) -> None:
        """Write status.json, by which others see how far the run is."""
        if not self.main or (at_most_each_second and now() - self.status_written <= 1):
            return
        self.status_written = now()
        left = self._seconds_left() if state == "running" else None
        status = {
            "state": "running" if state == "preparing" else state,
            "step": self.step,
            "total": self.total,
            **self.best,
            "seconds_left": left,
            "pid": os.getpid(),
            "started": self.begun,
            "seconds": self.clock.passed(),
            **more,
        }
        self.run.write("status", status)
