"""Baselines of a model's task: fitted to its training rows, selected by the plan's first metric.

Before training, for a ladder of models that are judged on the same validation rows:

    baselines = fit_for(model, data.train, data.validation, seconds)
    report = validation_report(model, baselines["tfidf_linear"], data.validation)
    report.score                              # as `evaluate_network(...)` gives it for the network
    save_for(model, run.folder / FOLDER, baselines)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weitiao import parts
from weitiao.evaluation.baselines.base import Baseline, Constant, Selection, Texts
from weitiao.evaluation.baselines.linear import PROBLEMS
from weitiao.evaluation.baselines.lookup import fit_lookup
from weitiao.evaluation.baselines.saved import save
from weitiao.evaluation.baselines.tfidf import fit_baselines
from weitiao.evaluation.evaluate import Report, baseline_answers, measure, texts_of
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.model.saved import Metadata
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.spans import Spans

if TYPE_CHECKING:
    from weitiao.data.rows import Rows
    from weitiao.model.model import Model


def fit_for(
    model: Model,
    train: Rows,
    validation: Rows,
    seconds: float | None = None,
    texts: tuple[Texts, Texts] | None = None,
) -> dict[str, Baseline]:
    """Fit the constant and TF-IDF with a linear model, or of tagging the lookup; {} where the task
    has none.

    seconds: as in `fit_baselines`. texts: those of train and validation by `texts_of`, if at hand.
    Only the task, the cleaners and the plan of the model are read, not its network.
    """
    task = model.task
    if issubclass(task.answers, Spans):
        return fit_lookup(task, train, validation)
    if task.problem_type not in PROBLEMS:
        return {}
    train_texts, validation_texts = texts or (texts_of(model, train), texts_of(model, validation))
    baselines = fit_baselines(
        task.problem_type,
        train_texts,
        labels_of(model, train),
        validation_texts,
        labels_of(model, validation),
        task.outputs,
        model.plan.train.seed,
        seconds,
        selection=selection_for(model, validation),
        balanced=model.plan.train.class_weights == "balanced",
        weights=train.weights(),
    )
    return {
        name: with_thresholds(model, one, validation, validation_texts)
        for name, one in baselines.items()
    }


def with_thresholds(model: Model, baseline: Baseline, validation: Rows, texts: Texts) -> Baseline:
    """The baseline with thresholds tuned on its own scores of the validation rows, where those of
    the network are by default; a constant has none.

    texts: those of validation.
    """
    plan = model.plan
    planned = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    wanted = {} if plan.evaluate.decisions else planned.decisions_for({})
    if (
        not issubclass(planned.answers, LabelSets)
        or not wanted
        or isinstance(baseline.score, Constant)
    ):
        return baseline
    task = model.task.widened(validation.targets())
    inputs = validation if baseline.of_rows else texts
    answers = baseline_answers(baseline, inputs, task.gold(validation), model.task, task)
    thresholds: dict[str, float] = {}
    for name, settings in wanted.items():
        choice = parts.build("decisions", name, settings).choose(task, answers)
        thresholds |= choice.settings["thresholds"]
    known = {label: value for label, value in thresholds.items() if label in model.task.choices}
    tuned = replace(baseline, detail={**baseline.detail, "thresholds": known})
    if "validation" in tuned.detail:  # at these thresholds
        report = validation_report(model, tuned, validation, texts)
        value = report.metrics[report.primary]
        tuned = replace(tuned, detail={**tuned.detail, "validation": value})
    return tuned


def labels_of(model: Model, rows: Rows) -> np.ndarray:
    """The labels of rows as a linear model learns them; numbers in the target's unit."""
    return model.task.in_unit(model.task.indices(rows.targets(), rows.ids()))


def selection_for(model: Model, validation: Rows) -> Selection:
    """The plan's first metric on validation rows, by which the network's checkpoint is selected
    too."""
    task, gold = model.task.without_decisions(), model.task.gold(validation)
    name, metric = next(iter(metrics_of(task, model.plan.evaluate.metrics).items()))

    def value(rows: np.ndarray, scores: np.ndarray) -> float:
        return measure(task.to_answers(gold[rows], scores), {name: metric}).metrics[name]

    return Selection(name, value, metric.higher_is_better)


def validation_report(
    model: Model, baseline: Baseline, rows: Rows, texts: Texts | None = None
) -> Report:
    """The plan's metrics of a baseline, as `evaluate_network` gives them for a network.

    texts: those of the rows by `texts_of`, if at hand.
    """
    task = model.task.widened(rows.targets())
    inputs = rows if baseline.of_rows else (texts or texts_of(model, rows))
    answers = baseline_answers(baseline, inputs, task.gold(rows), model.task, task)
    return measure(answers, metrics_of(task, model.plan.evaluate.metrics))


def save_for(model: Model, folder: Path, baselines: Mapping[str, Baseline]) -> list[str]:
    """Save the baselines with all that it takes to predict by them; returns the names of those
    saved. See `weitiao.evaluation.baselines.saved.save`."""
    metadata = Metadata(model.plan, model.task, model.cleaners, model.head)
    return save(folder, baselines, metadata)
