"""Recognition of unknown inputs in a run: the detection score is chosen, fitted and evaluated.

Before training: the labels are held out in turns, a linear layer is fitted to the frozen features
of the others, and the score that tells the rows apart best is chosen (leave-classes-out, as in
Hendrycks & Gimpel 2017, section 3). Rows of data.labels.unknown choose it after training instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from weitiao.core import notice
from weitiao.core.units import score as score_text
from weitiao.data.cache.encoded import Encoded
from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.errors import DataError, PlanError
from weitiao.evaluation.unknown import Judged, auroc, best_score
from weitiao.i18n.messages import _, name_list
from weitiao.losses.standard import CrossEntropy
from weitiao.model.model import Model
from weitiao.model.output_layer import logits_and_features, output_layer
from weitiao.model.unknown import SCORES, UNKNOWN, Gaussians, UnknownDetector, detection_scores
from weitiao.results.unknown import UnknownRecord
from weitiao.run import Run
from weitiao.training.linear_start import linear_layer

FIT_ROWS = 4_000  # training rows whose features describe the labels
CHOICE_ROWS = 2_000  # training rows by which the score is chosen
FOLDS = 4  # groups of labels that are held out in turns
HELD_OUT = 0.25  # of the labels, in each turn
TESTED = 0.5  # of the rows of the other labels, on which the scores are compared
FEWEST_LABELS = 3  # with two, none can be held out: one label is no classification
FEWEST_UNKNOWN = 20  # rows of unknown inputs that choose the score
STRENGTH = 0.1  # C of the linear layer on standardised features
BUDGET_SHARE = 0.05  # of a budget that the choice may take
DEFAULT = "max_probability"


def wanted(model: Model) -> bool:
    """Whether the plan wants unknown inputs to be recognized."""
    return model.plan.evaluate.unknown != "none"


def check_answer(model: Model, data: Data) -> None:
    """Raises WeitiaoError where the plan cannot be followed on these rows."""
    answer = answer_of(model)
    if answer in model.task.choices:
        raise DataError(
            _(
                "evaluate.unknown: the rows have a label {label!r}, which is the answer to unknown "
                "inputs. If its rows are such inputs: --unknown-label {label}; else give it "
                "another name: data.labels.rename={{{label}: other}}.",
                label=answer,
            )
        )
    if output_layer(model) is None:
        raise PlanError(
            [_("evaluate.unknown: this head has no output layer whose features could be read.")]
        )
    if data.unknown is not None and not len(data.unknown) + len(data.sealed_unknown or ()):
        raise DataError(_("data.labels.unknown: all rows of these labels were left out."))


def answer_of(model: Model) -> str:
    """What is answered to unknown inputs: the rows' own name for them."""
    names = model.plan.data.labels.unknown
    return names[0] if names else UNKNOWN


def out_of_scope_labels(model: Model) -> list[str]:
    """The labels whose rows are unknown inputs, in a file to evaluate on."""
    return model.plan.data.labels.unknown or ([UNKNOWN] if model.detector else [])


# --- the choice of the score


def choose_before_training(run: Run, model: Model, data: Data, say: Callable[[str], None]) -> None:
    """Choose the detection score by held-out labels, unless rows of unknown inputs will; the run
    keeps the choice."""
    if not wanted(model):
        return
    check_answer(model, data)
    if UnknownRecord.read(run):
        return
    setting = model.plan.evaluate.unknown
    if setting != "auto":
        UnknownRecord(score=setting, chosen_by="plan").write(run)
        return
    if data.unknown is not None and len(data.unknown) >= FEWEST_UNKNOWN:
        UnknownRecord(score=DEFAULT, chosen_by="unknown_rows").write(run)
        return
    budget = model.plan.train.budget
    with notice.during(_("unknown inputs: labels are held out in turns to choose the score")):
        limit = None if budget is None else BUDGET_SHARE * budget
        record = held_out_choice(model, data.train.weighing(), limit)
    record.write(run)
    say(choice_sentence(record))


def held_out_choice(model: Model, train: Rows, seconds: float | None = None) -> UnknownRecord:
    """The detection score that recognizes rows of held-out labels best, by AUROC.

    model: as it is before training. seconds: where reading features would take longer, the default
    is taken.
    """
    labels = model.task.indices(train.targets(), train.ids())
    if len(np.unique(labels)) < FEWEST_LABELS:
        return UnknownRecord(score=DEFAULT, chosen_by="default")
    order = np.random.default_rng(model.plan.train.seed).permutation(len(labels))[:CHOICE_ROWS]
    encoded = model.encode(train)
    read = _features_within(model, encoded, order, seconds)
    if read is None:
        return UnknownRecord(score=DEFAULT, chosen_by="budget")
    aurocs = held_out_aurocs(read, labels[order], model.plan.train.seed)
    if not aurocs:
        return UnknownRecord(score=DEFAULT, chosen_by="default")
    return UnknownRecord(score=best_score(aurocs), chosen_by="held_out_labels", aurocs=aurocs)


def _features_within(
    model: Model, encoded: Encoded, order: np.ndarray, seconds: float | None
) -> np.ndarray | None:
    """Features of rows; None where they would take longer than these seconds."""
    first = order[: min(32, len(order))]
    begun = time.monotonic()
    read = logits_and_features(model, encoded, first)[1]
    each = (time.monotonic() - begun) / len(first)
    if seconds is not None and each * len(order) > seconds:
        return None
    rest = order[len(first) :]
    if not len(rest):
        return read
    return np.concatenate([read, logits_and_features(model, encoded, rest)[1]])


def held_out_aurocs(features: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, float]:
    """Detection score -> mean AUROC of rows of held-out labels against other rows of the others,
    over `FOLDS` turns; empty where rows or labels are too few."""
    generator = np.random.default_rng(seed)
    names = generator.permutation(np.unique(labels))
    folds = min(FOLDS, len(names))
    each = max(1, min(round(HELD_OUT * len(names)), len(names) - 2))
    results: dict[str, list[float]] = {name: [] for name in SCORES}
    for fold in range(folds):
        held = np.roll(names, -fold * each)[:each]
        unknown = np.isin(labels, held)
        rows = generator.permutation(np.flatnonzero(~unknown))
        tested, learned = np.split(rows, [int(TESTED * len(rows))])
        present = np.unique(labels[learned])
        tested = tested[np.isin(labels[tested], present)]
        if len(present) < 2 or not len(tested) or not unknown.any():
            continue
        targets = np.searchsorted(present, labels[learned])
        logits_of = _linear(features[learned], targets, len(present))
        gaussians = Gaussians.fit(features[learned], targets)
        for name in SCORES:
            known, other = (
                detection_scores(name, logits_of(features[part]), features[part], gaussians)
                for part in (tested, np.flatnonzero(unknown))
            )
            results[name].append(auroc(known, other))
    return {name: float(np.mean(values)) for name, values in results.items() if values}


def _linear(features: np.ndarray, targets: np.ndarray, outputs: int) -> Any:
    """A linear layer fitted to features, as a function from features to logits."""
    mean, std = features.mean(0), features.std(0) + 1e-6
    inputs = torch.from_numpy(((features - mean) / std).astype(np.float32))
    weight, bias = linear_layer(
        inputs, torch.from_numpy(targets), CrossEntropy(), outputs, STRENGTH
    )

    def logits(read: np.ndarray) -> np.ndarray:
        return np.asarray((read - mean) / std @ weight.numpy().T + bias.numpy())

    return logits


# --- after training


def with_detector(run: Run, model: Model, data: Data) -> Model:
    """The trained model with its detector: the threshold is tuned on validation rows, and rows of
    unknown inputs choose the score where they are to. The run keeps the choice, best/ the detector.
    """
    if not wanted(model) or model.detector is not None:  # a kill came after this
        return model
    model = tuned_detector(run, model, data)
    assert model.detector is not None
    model.detector.write(run.best)
    return model


def tuned_detector(run: Run, model: Model, data: Data) -> Model:
    """The model with a detector for its scores as they are now."""
    record = UnknownRecord.read(run)
    with notice.during(_("unknown inputs: the threshold is tuned on validation")):
        gaussians = fitted_gaussians(model, data.train.weighing())
        known = read_rows(model, _learned(model, data.validation))
        if record.chosen_by == "unknown_rows" and data.unknown is not None:
            unknown = read_rows(model, data.unknown)
            aurocs: dict[str, float] = {
                name: auroc(*(detection_scores(name, *one, gaussians) for one in (known, unknown)))
                for name in SCORES
            }
            record = UnknownRecord(
                score=best_score(aurocs), chosen_by="unknown_rows", aurocs=aurocs
            )
            record.write(run)
        score: Any = record.score or DEFAULT
        evaluate = model.plan.evaluate
        detector = UnknownDetector.tuned(
            score,
            detection_scores(score, *known, gaussians),
            keep=evaluate.keep_known,
            answer=answer_of(model),
            gaussians=gaussians,
        )
    return replace(model, detector=detector)


def refitted_detector(selected: Model, model: Model, train: Rows) -> Model:
    """A model that learned from validation too, with the detector of the one before: its Gaussians
    are its own, its threshold is taken over."""
    detector = selected.detector
    if detector is None:
        return model
    if detector.gaussians is not None:
        gaussians = fitted_gaussians(model, train.weighing())
        detector = replace(detector, gaussians=gaussians)
    return replace(model, detector=detector)


def fitted_gaussians(model: Model, train: Rows) -> Gaussians:
    """The Gaussians of the labels, fitted to features of at most `FIT_ROWS` training rows."""
    order = np.random.default_rng(model.plan.train.seed).permutation(len(train))[:FIT_ROWS]
    train = train.take(np.sort(order))
    labels = model.task.indices(train.targets(), train.ids())
    return Gaussians.fit(read_rows(model, train)[1], labels)


def read_rows(model: Model, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of rows."""
    return logits_and_features(model, model.encode(rows))


def _learned(model: Model, rows: Rows) -> Rows:
    """The rows whose labels the model has learned."""
    known = {*model.task.choices}
    return rows.take([at for at, label in enumerate(rows.targets()) if str(label) in known])


# --- evaluation


def evaluated_unknown(
    model: Model, rows: Rows, unknown: Rows | None, record: UnknownRecord | None = None
) -> dict[str, Any]:
    """Figures of the detector on known and unknown rows, for metrics.json; empty without one.

    record: how the score was chosen.
    """
    detector = model.detector
    if detector is None or not len(rows):
        return {}
    logits, features = read_rows(model, rows)
    known = detector.scores(logits, features)
    best = model.task.best(model.task.score(logits))  # type: ignore[attr-defined]
    names = np.array([*model.task.choices], object)
    right = names[best] == np.array([str(target) for target in rows.targets()], object)
    judged = Judged(known, right, detector.refuses(detector.p_values(known)))
    more: Mapping[str, Any] = {}
    if unknown is not None and len(unknown):
        read = read_rows(model, unknown)
        scores = detector.scores(*read)
        caught = detector.refuses(detector.p_values(scores))
        judged = replace(judged, unknown=scores, caught=caught)
    choice = record.plain() if record else {}
    figures = {"score": detector.score, "keep": detector.keep, "answer": detector.answer}
    reference = {"validation_rows": len(detector.reference), "can_refuse": detector.can_refuse}
    return {**figures, **reference, "choice": choice, **judged.figures(), **more}


def choice_sentence(record: UnknownRecord) -> str:
    """How the detection score was chosen."""
    if record.chosen_by == "held_out_labels":
        return _(
            "unknown inputs: recognized by {score}, which tells rows of held-out labels apart best "
            "(AUROC {aurocs})",
            score=record.score,
            aurocs=aurocs_in_words(record.aurocs),
        )
    if record.chosen_by == "budget":
        return _(
            "unknown inputs: recognized by {score}; the budget leaves no time to compare scores",
            score=record.score,
        )
    return _(
        "unknown inputs: recognized by {score}; with so few labels none can be held out to compare "
        "scores",
        score=record.score,
    )


def aurocs_in_words(aurocs: Mapping[str, float]) -> str:
    """`max_probability 0.91, energy 0.90, ...`"""
    return name_list(f"{name} {score_text(value, 3)}" for name, value in aurocs.items())
