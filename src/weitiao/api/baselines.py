"""The baselines beside a model, learned from the same training rows."""

from __future__ import annotations

from weitiao.data.prepare.load import Data
from weitiao.evaluation.baselines import PROBLEMS, Baseline, fit_baselines, fit_lookup
from weitiao.evaluation.evaluate import texts_of
from weitiao.evaluation.frozen_encoder import fit_frozen
from weitiao.evaluation.passages import reading_baselines
from weitiao.model.model import Model
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

COUNTED_SHARE = 0.5  # of the time for baselines that counting words may take
PASSAGES = 5000  # training rows by which the baseline of passages weighs words
LONGEST = 60.0  # seconds for the frozen encoder where there is no budget


def baselines_of(
    model: Model, data: Data, judged: int, seconds: float | None = None
) -> tuple[dict[str, Baseline], list[str]]:
    """Majority or mean, TF-IDF and the frozen encoder, each with a linear model; and what was left
    out, and why. judged: how many rows they will have to answer."""
    task, train, validation = model.task, data.train, data.validation
    if issubclass(task.answers, Spans):
        return fit_lookup(task, train, validation), []
    if issubclass(task.answers, Passages):
        return _of_passages(model, data), []
    if task.problem_type not in PROBLEMS:
        return {}, []
    texts = texts_of(model, train), texts_of(model, validation)
    labels = [
        task.in_unit(task.indices(rows.targets(), rows.ids())) for rows in (train, validation)
    ]
    counted = None if seconds is None else COUNTED_SHARE * seconds
    found = fit_baselines(
        task.problem_type, texts[0], labels[0], texts[1], labels[1], task.outputs,
        model.plan.train.seed, counted,
    )  # fmt: skip
    left = LONGEST if seconds is None else (1 - COUNTED_SHARE) * seconds
    frozen = fit_frozen(
        model,
        task.problem_type,
        texts[0],
        labels[0],
        texts[1],
        labels[1],
        task.outputs,
        judged,
        left,
    )
    if isinstance(frozen, str):
        return found, [frozen]
    return {**found, frozen.name: frozen}, []


def _of_passages(model: Model, data: Data) -> dict[str, Baseline]:
    examples = data.train.examples(slice(0, PASSAGES))
    texts = [str(example.inputs["context"]) for example in examples]
    answers = [text for example in examples for _, text in example.target or ()]
    return reading_baselines(texts, answers, bool(getattr(model.task, "unanswerable", False)))
