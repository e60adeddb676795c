"""Refit of a run: with few rows, the model that validation chose is trained once more, on training
and validation rows, and that model is kept.

runs/reviews-001/
  selected/   the model that validation chose: validation figures are its own
  refit/      a run of its own while the refit lasts, with log and checkpoint
  best/       first the selected model, in the end the refitted one
  refit.json  how far it is; a resumed run goes on from here
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

from weitiao.api.calibrate import calibrate_in, replace_model, taken_over
from weitiao.api.distributed import world
from weitiao.api.unknown import refitted_detector, with_detector
from weitiao.data.prepare.load import Data, joined
from weitiao.errors import DivergedError
from weitiao.hardware import phases
from weitiao.i18n.messages import _, plural
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import REFIT_ROWS
from weitiao.results.records import Calibration
from weitiao.results.refitted import Refitted
from weitiao.run import Run
from weitiao.training.loop import Length
from weitiao.training.recorder import Watch
from weitiao.training.run import Outcome, train_on_all

FOLDER = "refit"
MOST_SPARE_ROWS = 10_000  # with which time that a budget leaves is spent on a refit
MARGIN = 1.1  # times the estimated seconds must be left of a budget


def plan_refit(
    run: Run, plan: Plan, data: Data, outcome: Outcome, calibration: Calibration, left: float
) -> Refitted:
    """What the refit of a run will be, or why it is left out; empty where the plan wants none.

    left: seconds of the budget for training.
    """
    train_rows, rows = len(data.train), len(data.train) + len(data.validation)
    wanted = plan.train.refit
    few = rows < REFIT_ROWS
    # Of more rows, those of validation are worth the time where nothing else can be done with it.
    spare = rows <= MOST_SPARE_ROWS and math.isfinite(left)
    fits = (few or spare) and plan.data.validation_path is None
    if wanted == "never" or (wanted == "auto" and not fits):
        return Refitted()
    if world() > 1 or plan.train.sharding != "none":
        return _left_out(_("it trains in one process alone"))
    step = _best_step(run)
    ratio = rows / train_rows
    updates = round(step * ratio)
    update = outcome.update_seconds or outcome.seconds / max(outcome.step, 1)
    if MARGIN * (ratio * outcome.start_seconds + updates * update) > left:
        planned = few or wanted == "always"
        return _left_out(_("the budget leaves no time for it")) if planned else Refitted()
    return Refitted(
        state="running",
        rows=rows,
        train_rows=train_rows,
        step=step,
        total=outcome.total,
        updates=updates,
        horizon=max(updates, round(outcome.total * ratio)),
        temperature=calibration.temperature,
    )


def _left_out(reason: str) -> Refitted:
    return Refitted(state="left_out", reason=reason)


def _best_step(run: Run) -> int:
    """The update whose weights validation chose."""
    return int([line["step"] for line in run.history() if line.get("best")][-1])


def _rate_factor(run: Run) -> float:
    """The factor of the learning rate that the run was trained with."""
    return float(next((x["factor"] for x in run.history() if x.get("event") == "rate"), 1.0))


@dataclass(frozen=True)
class Refit:
    """Calibration of the selected model, and the refit after it."""

    run: Run
    plan: Plan
    data: Data
    say: Callable[[str], None]
    watch: Watch | None

    def of(self, outcome: Outcome, left: float | None) -> tuple[Model, Model, Calibration]:
        """The calibrated model that validation chose, the model to keep, and the calibration.

        outcome: of the training that selected. left: seconds of the budget; None in a resumed run.
        An interruption is a KeyboardInterrupt; best/ then holds the selected model.
        """
        run, record = self.run, Refitted.read(self.run)
        if record.state in ("running", "done"):  # a kill came after the selection
            selected, calibration = Model.load(run.selected), Calibration.read(run)
        else:
            selected, calibration = calibrate_in(run, outcome.model, self.data.validation)
            selected = with_detector(run, selected, self.data)
            if left is None:
                left = (self.plan.train.budget or math.inf) - outcome.seconds
            record = plan_refit(run, self.plan, self.data, outcome, calibration, left)
            if record.state == "running":
                run.keep_selected()
            if record.state:
                record.write(run)
        if record.state == "done":
            return selected, Model.load(run.best), calibration
        if record.state:
            self.say(announcement(record))
        kept = selected
        if record.state == "running":
            with phases.during("refit", whole=True):
                kept = self._refitted(record, selected, calibration)
        return selected, kept, calibration

    def _refitted(self, record: Refitted, selected: Model, calibration: Calibration) -> Model:
        """Train, from the last checkpoint if there is one, and swap the new model into best/. A
        training that diverges is left out."""
        run = self.run
        try:
            model = self._trained(record, selected)
        except DivergedError:
            diverged = _left_out(_("its training diverged"))
            diverged.write(run)
            self.say(announcement(diverged))
            model = selected
        else:
            replace_model(run, "best", model, calibration)
            record.model_copy(update={"state": "done"}).write(run)
        shutil.rmtree(run.folder / FOLDER, ignore_errors=True)
        return model

    def _trained(self, record: Refitted, selected: Model) -> Model:
        """The model with the temperature and the decisions of the selected one."""
        inner = Run(self.run.folder / FOLDER)
        inner.folder.mkdir(exist_ok=True)
        if not inner.plan_path.exists():
            self.plan.save(inner.plan_path)
        data = replace(self.data, train=joined(self.data.train, self.data.validation))
        length = Length(record.updates, record.horizon)
        factor = _rate_factor(self.run)
        outcome = train_on_all(self.plan, data, inner, length, self.watch, factor)
        if outcome.state == "interrupted":  # asked for during the last update
            raise KeyboardInterrupt
        model = taken_over(outcome.model, selected, record.temperature or 1.0)
        return refitted_detector(selected, model, data.train)


def announcement(record: Refitted) -> str:
    """What is told before a refit begins, or why there is none."""
    if record.state == "left_out":
        return _("no refit on all rows: {reason}", reason=record.reason)
    return _(
        "trained once more on all {rows}, validation included: {updates}",
        rows=plural(record.rows, "row"),
        updates=plural(record.updates, "update") if record.updates else _("the output layer alone"),
    )
