"""Calibrate a trained model (temperature scaling, Guo et al. 2017) and choose its decision
thresholds, on validation rows alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.api.inputs import same_rows
from weitiao.api.unknown import refitted_detector, tuned_detector
from weitiao.core import notice
from weitiao.data.prepare.load import Rows, joined, load
from weitiao.errors import PlanError, RunError
from weitiao.evaluation.calibration import fold, quality, refusal_of, summary_of, temperature
from weitiao.evaluation.decisions.base import Decision
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.results.records import Calibration
from weitiao.run import Run

MIN_ROWS = 30  # validation rows; fewer fit no temperature
DECISION_SETTINGS = ("thresholds", "costs", "abstain", "null_threshold")  # of tasks
MIN_LOG_TEMPERATURE = 0.005  # |log T| below this: T is taken as 1


def calibrated(
    model: Model,
    rows: Rows,
    folded: float = 1.0,
    decisions: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Model, Calibration]:
    """Fold a fitted temperature into the model and choose its decisions; returns figures of both.

    folded: the temperature that its weights hold already. decisions: instead of those of the plan
    or, where it has none, of the task. The weights are changed in place.
    Models of numbers and of spans without "no answer" stay as they are.
    """
    plan, task = model.plan.evaluate, model.task
    if not task.answers.probabilities:
        return _only_decided(model, rows)
    wanted = task.decisions_for(plan.decisions) if decisions is None else decisions
    if not plan.decisions and len(rows) < MIN_ROWS:
        wanted = {}
    if not (plan.calibration or wanted):
        return model, Calibration()
    # Validation rows may have labels that no training row has: they get indices behind the others
    # and are left out below (with their rows, where a row has one label), since no logit is theirs.
    wide = task.widened(rows.targets())
    labels = wide.indices(rows.targets(), rows.ids())
    known, labels = task.answers.known(labels, task.outputs)
    with notice.during(_("calibrating on validation")):
        logits, labels = model.logits_of(rows)[known], labels[known]
    figures: dict[str, Any] = {"rows": len(labels)}
    scores = task.score(logits)
    if plan.calibration and len(labels) >= MIN_ROWS:
        divisor = temperature(task.answers, logits, labels)
        if abs(math.log(divisor)) < MIN_LOG_TEMPERATURE:
            divisor = 1.0
        plain = task.to_answers(labels, task.score(logits * folded))
        after = task.to_answers(labels, task.score(logits / divisor))
        if refused := refusal_of(folded * divisor, len(labels), plain, after):
            divisor = 1 / folded  # what an earlier calibration has folded in goes
            figures |= {"before": quality(plain).plain(), "refused": refused}
        else:
            figures |= summary_of(quality(plain), quality(after), folded * divisor, len(labels))
        scores = task.score(logits / divisor)
        if divisor != 1.0:
            fold(model, divisor)
    decided, choices = _decided(model, labels, scores, wanted)
    return decided, Calibration(**figures, decisions=choices)


def _only_decided(model: Model, rows: Rows) -> tuple[Model, Calibration]:
    """Choose decisions without calibration, such as the threshold of "no answer"."""
    wanted = model.task.decisions_for(model.plan.evaluate.decisions)
    if not wanted:
        return model, Calibration()
    truth = model.task.gold(rows)
    scores = model.scores_of(rows)
    model, choices = _decided(model, truth, scores, wanted)
    return model, Calibration(decisions=choices)


def _decided(
    model: Model, labels: np.ndarray, scores: np.ndarray, wanted: Mapping[str, Any]
) -> tuple[Model, list[dict[str, Any]]]:
    task, choices = model.task, []
    for name, settings in wanted.items():
        decision: Decision = parts.build("decisions", name, settings)
        choice = decision.choose(task, task.to_answers(labels, scores))
        task = task.model_copy(update=dict(choice.settings))
        choices.append({"name": name, "met": choice.met, **choice.figures})
    return replace(model, task=task), choices


def taken_over(model: Model, other: Model, divisor: float) -> Model:
    """The model with the decisions of another, and with a temperature folded in.

    The weights are changed in place.
    """
    if divisor != 1.0:
        fold(model, divisor)
    plan = other.plan
    planned = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    # Settings that neither the plan nor the rows gave: decisions chose them, of any task.
    settings = {
        name: getattr(other.task, name)
        for name in type(planned).model_fields
        if name in DECISION_SETTINGS
        or getattr(planned, name) == getattr(model.task, name) != getattr(other.task, name)
    }
    return replace(model, task=model.task.model_copy(update=settings), plan=other.plan)


def calibrate_in(run: Run, model: Model, rows: Rows) -> tuple[Model, Calibration]:
    """Calibrate the model that was just trained, and replace the saved one if it changed.

    A model that is calibrated already, since a kill came after this, stays as it is.
    """
    calibration, before = Calibration.read(Run(run.best)), model.task
    if not calibration:
        model, calibration = calibrated(model, rows)
        if (calibration.temperature or 1.0) != 1.0 or model.task != before:
            replace_model(run, "best", model, calibration)
    if calibration:
        calibration.write(run)
    return model, calibration


def replace_model(run: Run, name: str, model: Model, calibration: Calibration) -> None:
    """Swap in a calibrated model. What was folded into its weights stands beside them, so that
    nothing is folded twice."""
    with run.replacing(name) as folder:
        model.save(folder)
        if calibration:
            calibration.write(Run(folder))


def calibrate(
    run: str | Path,
    decisions: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    threads: int | None = None,
) -> Calibration:
    """Calibrate a run's best model again and choose its decisions, on its validation rows.

    decisions: instead of those of the plan, e.g. {"at_recall": {"label": "spam", "recall": 0.9}};
    {} for none. Raises WeitiaoError, also for a run that is training.
    """
    set_threads(threads)
    opened = Run.open(run)
    best = opened.best_folder()
    if best is None:
        raise RunError(
            _(
                "{folder}: this run has no best model yet. Go on first: "
                "weitiao train --resume {folder}",
                folder=opened.folder,
            )
        )
    if opened.status().state == "running":
        raise RunError(
            _("{folder}: this run is training; wait until it has ended.", folder=opened.folder)
        )
    # A refitted model has learned from validation: the one before it is calibrated, for both.
    kept = Model.load(best) if opened.selected.is_dir() else None
    model = Model.load(best if kept is None else opened.selected)
    if model.task.writes:
        raise PlanError([_("texts that are written have no scores that could be calibrated.")])
    if model.task.per_token and not model.task.decisions_for({}):
        raise PlanError([_("answers that are places in a text are not calibrated.")])
    plan = opened.plan()
    wanted = dict(plan.evaluate.decisions if decisions is None else decisions)
    kind = model.task.answers
    if kind.numeric and not any(parts.find("decisions", name).fits(kind) for name in wanted):
        raise PlanError([_("numbers have no scores that could be calibrated.")])
    changes = {"evaluate.calibration": True, "evaluate.decisions": wanted}
    # Settings chosen by an earlier calibration go; what the plan itself says of the task stays.
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    settings = {n: getattr(task, n) for n in DECISION_SETTINGS if hasattr(task, n)}
    model = replace(
        model, plan=model.plan.with_(changes), task=model.task.model_copy(update=settings)
    )
    # The saved weights hold the temperature of the earlier calibration, so the new one is fitted
    # on top of it: T = T_folded * T_new.
    chosen = Run(best if kept is None else opened.selected)
    held = Calibration.read(chosen) or Calibration.read(opened)
    folded = held.temperature or 1.0
    data = same_rows(opened, load(plan.data, plan.task_name))
    model, calibration = calibrated(model, data.validation, folded, decisions)
    if model.detector:  # its scores are those of the calibrated logits
        model = tuned_detector(opened, model, data)
    if kept is not None:
        replace_model(opened, "selected", model, calibration)
        total = 1.0 if calibration.get("refused") else calibration.temperature or folded
        selected, model = model, taken_over(kept, model, total / folded)
        model = refitted_detector(selected, model, joined(data.train, data.validation))
    replace_model(opened, "best", model, calibration)
    calibration.write(opened)
    return calibration
