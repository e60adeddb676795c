"""Calibrate a trained model and choose its thresholds, on validation rows alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.data.prepare.load import Rows, load
from weitiao.errors import PlanError, RunError
from weitiao.evaluation.calibrate import fold, quality, summary_of, temperature
from weitiao.evaluation.decisions.base import Decision
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.run import Run

NAME = "calibration"  # calibration.json in the run's folder
FEWEST = 30  # validation rows by which a temperature can be fitted
CHOSEN = ("thresholds", "costs", "abstain", "null_threshold")  # settings of tasks
LITTLE = 0.005  # a temperature so near to 1 is none


def calibrated(model: Model, rows: Rows, held: float = 1.0) -> tuple[Model, dict[str, Any]]:
    """The model with its temperature folded in and its decisions chosen, and figures of both.

    held: the temperature that its weights hold already. The weights are changed in place. Nothing
    happens to a model of numbers, or of places in texts.
    """
    plan, task = model.plan.evaluate, model.task
    if not task.answers.probabilities:
        return _only_decided(model, rows)
    if not (plan.calibration or plan.decisions):
        return model, {}
    wide = task.widened(rows.targets())
    labels = wide.indices(rows.targets(), rows.ids())
    known, labels = task.answers.known(labels, task.outputs)
    logits, labels = model.logits(model.encode(rows))[known], labels[known]
    told: dict[str, Any] = {"rows": len(labels)}
    scores = task.score(logits)
    if plan.calibration and len(labels) >= FEWEST:
        divisor = temperature(task.answers, logits, labels)
        if abs(math.log(divisor)) < LITTLE:
            divisor = 1.0
        plain = task.judge(labels, task.score(logits * held))
        scores = task.score(logits / divisor)
        after = task.judge(labels, scores)
        told |= summary_of(quality(plain), quality(after), held * divisor, len(labels))
        fold(model, divisor)
    decided, choices = _decided(model, labels, scores)
    return decided, told | {"decisions": choices}


def _only_decided(model: Model, rows: Rows) -> tuple[Model, dict[str, Any]]:
    """The decisions alone, such as from where on "no answer" is given."""
    wanted = model.task.decisions_for(model.plan.evaluate.decisions)
    if not wanted:
        return model, {}
    truth = model.task.truth(rows)
    scores = model.scored(model.encode(rows))
    model, choices = _decided(model, truth, scores, wanted)
    return model, {"decisions": choices}


def _decided(
    model: Model, labels: np.ndarray, scores: np.ndarray, wanted: Mapping[str, Any] | None = None
) -> tuple[Model, list[dict[str, Any]]]:
    task, found = model.task, []
    for name, settings in (wanted or model.plan.evaluate.decisions).items():
        decision: Decision = parts.build("decisions", name, settings)
        choice = decision.choose(task, task.judge(labels, scores))
        task = task.model_copy(update=dict(choice.settings))
        found.append({"name": name, "met": choice.met, **choice.figures})
    return replace(model, task=task), found


def calibrate(run: Run, model: Model, rows: Rows) -> tuple[Model, dict[str, Any]]:
    """The same, and the model in the run's folder is replaced by the calibrated one."""
    before = model.task
    model, told = calibrated(model, rows)
    if told.get("temperature", 1.0) != 1.0 or model.task != before:
        with run.replacing("best") as folder:
            model.save(folder)
    if told:
        run.write(NAME, told)
    return model, told


def calibrate_run(
    folder: str | Path, decisions: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Calibrate a run's best model anew and choose its decisions, on its validation rows.

    decisions: instead of those of the plan, e.g. {"at_recall": {"label": "spam", "recall": 0.9}};
    {} for none. Returns the figures. Raises WeitiaoError, also for a run that is training.
    """
    run = Run.open(folder)
    kept = run.kept()
    if kept is None:
        raise RunError(_("{folder}: this run has no best model yet; train it first.",
                            folder=folder))  # fmt: skip
    if run.status().state == "running":
        raise RunError(_("{folder}: this run is training; wait until it has ended.",
                            folder=folder))  # fmt: skip
    model = Model.load(kept)
    if model.task.per_token and not model.task.decisions_for({}):
        raise PlanError([_("answers that are places in a text are not calibrated.")])
    plan = run.plan()
    asked = dict(plan.evaluate.decisions if decisions is None else decisions)
    kind = model.task.answers
    if kind.numeric and not any(parts.find("decisions", name).fits(kind) for name in asked):
        raise PlanError([_("numbers have no scores that could be calibrated.")])
    wanted = model.plan.with_({"evaluate.calibration": True, "evaluate.decisions": asked})
    # What was chosen before goes; what the plan itself says of the task stays.
    given = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    chosen = {name: getattr(given, name) for name in CHOSEN if hasattr(given, name)}
    model = replace(model, plan=wanted, task=model.task.model_copy(update=chosen))
    held = run.read(NAME).get("temperature", 1.0)
    model, told = calibrated(model, load(plan.data, plan.task_name).validation, held)
    with run.replacing("best") as new:
        model.save(new)
    run.write(NAME, told)
    return told
