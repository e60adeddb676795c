"""Baselines fitted to the same training rows as the model."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weitiao.core import notice
from weitiao.core.units import score as score_text
from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.evaluation.baselines import PROBLEMS, Baseline, Texts, load
from weitiao.evaluation.baselines.of_model import (
    fit_for,
    labels_of,
    save_for,
    selection_for,
    validation_report,
    with_thresholds,
)
from weitiao.evaluation.baselines.saved import FOLDER, has_saved
from weitiao.evaluation.evaluate import texts_of
from weitiao.evaluation.frozen_encoder import FEATURES, NAME, fit_frozen
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.evaluation.passages import reading_baselines
from weitiao.evaluation.retrieval_baselines import UNTUNED, retrieval_baselines
from weitiao.evaluation.text_baselines import text_baselines
from weitiao.i18n.messages import _, in_english
from weitiao.model.model import Model
from weitiao.model.output_layer import OutputLayer
from weitiao.results.format import baseline as baseline_name
from weitiao.run import Run
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

BASELINE_SHARE = 0.1  # of a budget that those fitted before training may take
LEAST_LEFT = 0.5  # of a budget: with less, it is the network that needs the time
TFIDF_SHARE = 0.5  # of the time for baselines that TF-IDF may take
MAX_PASSAGES = 5000  # training rows by which the baseline of passages weighs words
FROZEN_SECONDS = 60.0  # for the frozen encoder where there is no budget


def baselines_of(
    model: Model,
    data: Data,
    rows: int,
    seconds: float | None = None,
    run: Run | None = None,
) -> tuple[dict[str, Baseline], list[str]]:
    """Fit the baselines of a task: majority or mean, TF-IDF and the frozen encoder with a linear
    model each. Returns them by name, and why any was left out.

    rows: how many rows they will have to predict. seconds: the time for all, None for no limit.
    run: those that it has fitted before training are taken as they are.
    """
    task, train, validation = model.task, data.train.weighing(), data.validation
    if issubclass(task.answers, Passages):
        return _of_passages(model, data), []
    if task.contrasts:
        return {**retrieval_baselines(), UNTUNED: untuned(model, data)}, []
    if task.writes:
        return text_baselines(train, copies=task.pipeline_tag == "translation"), []
    saved = run.folder / FOLDER if run else None
    baselines = load(saved) if saved and has_saved(saved) else None
    if issubclass(task.answers, Spans):
        found = baselines or _fitted(model, data, saved)
        return found | frozen_of_run(model, data, run), []
    if task.problem_type not in PROBLEMS:
        return {}, []
    texts = texts_of(model, train), texts_of(model, validation)
    share = None if seconds is None else TFIDF_SHARE * seconds
    if baselines is None:
        baselines = _fitted(model, data, saved, share, texts)
    reasons = [] if len(baselines) > 1 else [_("TF-IDF was left out: the budget is used up")]
    if len(texts[0]) == 1 and "mean" in model.head and run and run.linear.is_file():
        return baselines | frozen_of_run(model, data, run), reasons
    frozen = fit_frozen(
        model,
        task.problem_type,
        texts[0],
        labels_of(model, train),
        texts[1],
        labels_of(model, validation),
        task.outputs,
        rows,
        FROZEN_SECONDS if seconds is None else (1 - TFIDF_SHARE) * seconds,
        selection=selection_for(model, validation),
        weights=train.weights(),
    )
    if isinstance(frozen, str):
        return baselines, [*reasons, frozen]
    frozen = with_thresholds(model, frozen, validation, texts[1])
    return {**baselines, frozen.name: frozen}, reasons


def _fitted(
    model: Model,
    data: Data,
    folder: Path | None,
    seconds: float | None = None,
    texts: tuple[Texts, Texts] | None = None,
) -> dict[str, Baseline]:
    """Baselines fitted now, and saved where there is a folder for them."""
    baselines = fit_for(model, data.train.weighing(), data.validation, seconds, texts)
    if folder and len(baselines) > 1:  # the constant alone is nothing to answer with
        save_for(model, folder, baselines)
    return baselines


def frozen_of_run(model: Model, data: Data, run: Run | None) -> dict[str, Baseline]:
    """The frozen encoder with the output layer that a run has fitted before training; {} without.

    It reads the encoded rows of the network itself, through the same kernels.
    """
    if run is None or not run.linear.is_file():
        return {}
    lines = [line for line in run.history() if "validation" in line]
    if lines and all(line["step"] == 0 for line in lines if line["best"]):
        return {}  # the model itself is the frozen encoder with this layer
    fitted = OutputLayer.load(run.linear)
    frozen = Model.start(model.plan, data.train.weighing(), data.validation)
    if fitted.weight.shape[0] != frozen.task.outputs:  # the rows have other labels by now
        return {}
    fitted.put_into(frozen)

    def score(rows: Rows) -> Any:
        return frozen.scored(frozen.encode(rows))

    judged = lines[0]["validation"] if lines else {}
    metric = next(iter(metrics_of(model.task, model.plan.evaluate.metrics)))
    detail = {
        "features": in_english(FEATURES, c=fitted.strength),
        "metric": metric,
        "validation": judged.get(metric, math.nan),
        "train_rows": fitted.rows,
        "all_rows": len(data.train),
    }
    baseline = Baseline(NAME, detail, score, of_rows=True)
    return {NAME: with_thresholds(model, baseline, data.validation, [])}


def untuned(model: Model, data: Data) -> Baseline:
    """The encoder as it was before training."""

    def score(rows: Rows) -> Any:
        before = Model.start(model.plan, data.train.take(slice(0, 2)))
        return before.scored(before.encode(rows))

    return Baseline(UNTUNED, {}, score, of_rows=True)


def _of_passages(model: Model, data: Data) -> dict[str, Baseline]:
    examples = data.train.examples(slice(0, MAX_PASSAGES))
    texts = [str(example.inputs["context"]) for example in examples]
    answers = [text for example in examples for _, text in example.target or ()]
    return reading_baselines(texts, answers, bool(getattr(model.task, "unanswerable", False)))


def fit_before_training(
    run: Run, data: Data, model: Model, left: float, *, say: Callable[[str], None]
) -> None:
    """Fit, judge and save the models without a network, before the network is trained; not where
    loading has used up most of a budget. left: its seconds."""
    plan, folder = model.plan, run.folder / FOLDER
    if not plan.evaluate.baselines or has_saved(folder):
        return
    if plan.train.budget and left < LEAST_LEFT * plan.train.budget:
        return
    seconds = None if plan.train.budget is None else BASELINE_SHARE * plan.train.budget
    with notice.during(_("fitting the baselines")):
        fitted = fit_for(model, data.train.weighing(), data.validation, seconds)
    save_for(model, folder, fitted)
    for name, baseline in list(fitted.items())[1:]:  # the first is the constant
        report = validation_report(model, baseline, data.validation)
        say(
            _(
                "{baseline} on validation: {metric} {value}",
                baseline=baseline_name(name),
                metric=metric_name(report.primary),
                value=score_text(report.metrics[report.primary], 4),
            )
        )
