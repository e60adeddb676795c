"""What happens after each update: log, checkpoint, best model, early stop, budget."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from accelerate import Accelerator

from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.run import Run, now
from weitiao.training import distributed
from weitiao.training.budget import Clock, Pace
from weitiao.training.checkpoint import State
from weitiao.training.loop import Progress
from weitiao.training.replay import Replay

Watch = Callable[[Progress, float], None]  # (what happened, seconds left)


class Watcher:
    """Sees all that the loop yields, and acts on it in the run's folder."""

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
        self.tokens = tokens  # at once, as far as the log tells; None: it does not tell yet
        self.pace = Pace(clock)
        self.step = self.total = 0
        self.best: dict[str, Any] = {"metric": None, "value": None}
        self.score = float("-inf")
        self.ended = "finished"
        self.saved, self.told = clock.passed(), float("-inf")
        self.begun = now()

    def goes_on(self, state: State) -> None:
        """Know what was known at the checkpoint."""
        self.step, self.total, self.score = state.step, state.total, state.best
        if not self.main:
            return  # the first process cuts the log just now
        metric = self.run.read("status").get("metric")
        for line in self.run.history():
            if line.get("best") and metric in line["validation"]:
                self.best = {"metric": metric, "value": line["validation"][metric]}

    def see(self, progress: Progress, model: Model, plan: Plan, ask: Callable[[], bool]) -> None:
        self.step, self.total = progress.step, progress.total
        if progress.report is None:
            self._updated(progress, plan)
        else:
            self._judged(progress, model, plan)
        if ask():
            progress.stop()
        if progress.report is None:
            self._interrupted(progress)
        if self.watch:
            self.watch(progress, self.pace.seconds_left(progress.step, progress.total))
        self.status("running", often=False)

    def left(self, progress: Progress) -> None:
        """The loop has ended, so the network holds raw weights again, also after a report: a stop
        that was asked for while validation was judged is an interruption too."""
        self._interrupted(replace(progress, report=None))

    def _interrupted(self, p: Progress) -> None:
        if p.stopping and self.ended == "finished":
            self._save(p)  # so that nothing is lost when it goes on
            self.ended = "interrupted"
            self._log(step=p.step, event="stop", why=self.ended)

    def _updated(self, p: Progress, plan: Plan) -> None:
        self.pace.updated()
        line = {"step": p.step, "epoch": round(p.epoch, 6), "loss": p.loss,
                "learning_rate": p.learning_rate, "gradient_norm": p.gradient_norm}  # fmt: skip
        self._log(**line)
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
        """What depends on the clock: the first process decides, the others hear it.

        What was decided before a kill is decided again, as the log says.
        """
        if p.step <= self.replay.until:
            total = self.replay.totals.get(p.step)
        else:
            self.replay.forget(self.run)
            total = self.pace.total(p.step, p.total, p.planned, plan.train.evaluations)
        save = self.clock.passed() - self.saved >= plan.train.save_seconds
        found: tuple[int | None, bool] = distributed.agreed((total, save))
        return found

    def _save(self, p: Progress) -> None:
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

    def _judged(self, p: Progress, model: Model, plan: Plan) -> None:
        assert p.report is not None
        self._log(step=p.step, validation=dict(p.report.metrics), best=p.best)
        if p.best:
            weights = model.state(keep=self.main)  # in shards, they are put together by all
            if self.main:
                metric = p.report.primary
                self.best = {"metric": metric, "value": p.report.metrics[metric]}
                self.score = p.report.score
                with self.run.replacing("best") as folder:
                    model.save(folder, weights)
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
             "total": self.total, **self.best, "seconds_left": left, "pid": os.getpid(),
             "started": self.begun, "seconds": self.clock.passed()},
        )  # fmt: skip
