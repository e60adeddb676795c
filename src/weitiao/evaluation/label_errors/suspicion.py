"""Suspicion of targets: one score a row from out-of-fold models, for classes, sets and numbers.

For classes two linear models (vectors of a frozen encoder, TF-IDF) score each row out of fold, and
are pooled with the exponents of the least out-of-fold loss. They are fitted twice: the second time
each row counts by how far the first round believed its label, so that wrong labels teach less (as
the reweighting of Ren et al. 2018 and confident learning's pruning do; here without a clean set).
Both rounds are averaged, and the suspicion is the share of the likeliest other label against the
given one. Each of these was measured: dev/LOG.md, benchmarks/labels.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from weitiao.evaluation.label_errors import scores
from weitiao.evaluation.label_errors.out_of_fold import (
    View,
    chosen_strength,
    folds_of,
    loss_of,
    out_of_fold,
)

EXPONENTS = np.linspace(0.0, 2.0, 9)  # that are tried for each of two models
ANCHORS = 0.2  # of the rows with a predicted label: the surest, by which mistakes are estimated
FEWEST_ANCHORS = 20  # rows
SCALE_OF_MAD = 1.4826  # of a normal distribution: its std is so many median absolute deviations
SINGLE, SEVERAL, NUMBER = (
    "single_label_classification",
    "multi_label_classification",
    "regression",
)


@dataclass(frozen=True, eq=False)
class Suspicion:
    """Scores from 0 to 1, (rows,), NaN for rows that cannot be judged; and what models say instead.

    predicted: (rows, outputs) out-of-fold scores; suggested: (rows,) a label, (rows, labels) flags,
    or (rows,) numbers. wrong: the estimated number of wrong targets, low, value, high; None where
    there is no estimate.
    """

    values: np.ndarray
    predicted: np.ndarray
    suggested: np.ndarray
    wrong: tuple[float, float, float] | None = None
    details: dict[str, Any] | None = None

    @property
    def order(self) -> np.ndarray:
        """Positions of the judged rows, the most suspicious first."""
        known = np.flatnonzero(~np.isnan(self.values))
        return known[np.argsort(-self.values[known], kind="stable")]


def of_classes(
    views: Sequence[View], labels: np.ndarray, outputs: int, groups: np.ndarray, seed: int
) -> Suspicion:
    """Suspicion of single labels. groups: rows that share a fold, such as equal texts."""
    judged = _judged(labels, groups, outputs)
    fold = folds_of(labels, groups, seed)
    strengths = [chosen_strength(view, labels, outputs, SINGLE, fold) for view in views]
    first, powers = pooled(
        [
            out_of_fold(view, labels, outputs, SINGLE, fold, strength)
            for view, strength in zip(views, strengths, strict=True)
        ],
        labels,
    )
    trust = trust_of(first, labels)
    again = folds_of(labels, groups, seed + 1)
    second = scores.geometric_mean(
        *(
            out_of_fold(view, labels, outputs, SINGLE, again, strength, trust)
            for view, strength in zip(views, strengths, strict=True)
        ),
        exponents=powers,
    )
    predicted = scores.geometric_mean(first, second)
    values = scores.contest(predicted, labels)
    values[~judged] = np.nan
    best = scores.best_other(predicted, labels)
    details = {
        "accuracy": float((predicted.argmax(1) == labels)[judged].mean()) if judged.any() else 0.0,
        "exponents": {view.name: float(s) for view, s in zip(views, powers, strict=True)},
    }
    wrong = estimated(predicted[judged], labels[judged])
    return Suspicion(values, predicted, best, wrong, details)


def pooled_with(found: Suspicion, probabilities: np.ndarray, labels: np.ndarray) -> Suspicion:
    """Suspicion of single labels, pooled with out-of-fold probabilities of another model."""
    predicted, powers = pooled([probabilities, found.predicted], labels)
    values = scores.contest(predicted, labels)
    values[np.isnan(found.values)] = np.nan
    judged = ~np.isnan(values)
    details = {
        **(found.details or {}),
        "accuracy": float((predicted.argmax(1) == labels)[judged].mean()) if judged.any() else 0.0,
        "exponents": {"fine-tuned": float(powers[0]), "linear": float(powers[1])},
    }
    best = scores.best_other(predicted, labels)
    wrong = estimated(predicted[judged], labels[judged])
    return Suspicion(values, predicted, best, wrong, details)


def trust_of(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far a first round believes each label, (rows,): p(given) / max p, at least 0.05."""
    own = scores.self_confidence(probabilities, labels)
    return np.asarray((own / probabilities.max(1)).clip(0.05, 1.0))


def pooled(probabilities: Sequence[np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, Any]:
    """The pool of one or two models with the least loss on the given labels, and its exponents."""
    if len(probabilities) == 1:
        return probabilities[0], np.ones(1)
    pairs = [np.array(pair) for pair in product(EXPONENTS, EXPONENTS) if any(pair)]
    losses = [
        loss_of(scores.geometric_mean(*probabilities, exponents=pair), labels, SINGLE)
        for pair in pairs
    ]
    best = pairs[int(np.argmin(losses))]
    return scores.geometric_mean(*probabilities, exponents=best), best


def estimated(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """The number of wrong labels with a 95 % interval: low, value, high.

    Where models are surest they are nearly always right, so that there the share of rows with
    another label is the share of wrong ones (anchor points, Liu and Tao 2016). It is taken for each
    predicted label among its surest rows, and holds for its other rows where mistakes are as
    frequent. (The confident joint overestimates several times where models are weak.)
    """
    best, sure = probabilities.argmax(1), probabilities.max(1)
    value = variance = 0.0
    for label in np.unique(best):
        rows = np.flatnonzero(best == label)
        count = min(len(rows), max(FEWEST_ANCHORS, math.ceil(ANCHORS * len(rows))))
        anchors = rows[np.argsort(-sure[rows], kind="stable")[:count]]
        wrong = int((labels[anchors] != label).sum())
        value += len(rows) * wrong / count
        # Agresti and Coull (1998): two of each kind are added, so that 0 of 10 is not certain.
        share = (wrong + 2) / (count + 4)
        variance += len(rows) ** 2 * share * (1 - share) / (count + 4)
    half = 1.96 * math.sqrt(variance)
    return (max(value - half, 0.0), value, min(value + half, float(len(labels))))


def of_sets(views: Sequence[View], flags: np.ndarray, groups: np.ndarray, seed: int) -> Suspicion:
    """Suspicion of several labels a row: that of its most doubtful label."""
    strata = np.unique(flags, axis=0, return_inverse=True)[1].reshape(-1)
    fold = folds_of(strata, groups, seed)
    outputs = flags.shape[1]
    parts = []
    for view in views:
        strength = chosen_strength(view, flags, outputs, SEVERAL, fold)
        parts.append(out_of_fold(view, flags, outputs, SEVERAL, fold, strength))
    logits = [np.log(p.clip(1e-6, 1 - 1e-6) / (1 - p.clip(1e-6, 1 - 1e-6))) for p in parts]
    predicted = 1 / (1 + np.exp(-np.mean(logits, axis=0)))
    against = np.where(flags > 0.5, 1 - predicted, predicted)  # of each label
    suggested = (predicted > 0.5).astype(int)
    # At least the most doubtful label changes, else there would be nothing to suggest.
    worst = against.argmax(1)
    rows = np.arange(len(flags))
    same = (suggested == (flags > 0.5)).all(1)
    suggested[rows[same], worst[same]] = 1 - (flags[rows[same], worst[same]] > 0.5)
    counts = (flags > 0.5).sum(0)
    values = np.where((counts > 1)[None], against, 0.0).max(1)
    wrong = sum(
        np.array(estimated(np.stack([1 - p, p], 1), (f > 0.5).astype(int)))
        for p, f in zip(predicted.T, flags.T, strict=True)
        if 1 < f.sum() < len(f) - 1
    )
    known = None if isinstance(wrong, int) else tuple(float(one) for one in wrong)
    accuracy = float((suggested == (flags > 0.5)).mean())
    return Suspicion(values, predicted, suggested, known, {"accuracy": accuracy})  # type: ignore[arg-type]


def of_numbers(
    views: Sequence[View], numbers: np.ndarray, groups: np.ndarray, seed: int
) -> Suspicion:
    """Suspicion of numbers: out-of-fold residuals over their robust scale.

    The score is that of a normal distribution: 1 - the p-value of a residual so large.
    """
    from scipy.stats import norm

    bins = (
        np.argsort(np.argsort(numbers, kind="stable"), kind="stable") * 10 // max(len(numbers), 1)
    )
    fold = folds_of(bins, groups, seed)
    centre, spread = float(numbers.mean()), float(numbers.std()) or 1.0
    standard = (numbers - centre) / spread
    parts = []
    for view in views:
        strength = chosen_strength(view, standard, 1, NUMBER, fold)
        parts.append(out_of_fold(view, standard, 1, NUMBER, fold, strength))
    losses = np.array([loss_of(part, standard, NUMBER) for part in parts])
    mixed = np.average(np.stack(parts), axis=0, weights=1 / np.maximum(losses, 1e-6))
    predicted = mixed * spread + centre
    residuals = predicted[:, 0] - numbers
    middle = np.median(residuals)
    scale = SCALE_OF_MAD * float(np.median(np.abs(residuals - middle))) or 1e-9
    z = np.abs(residuals - middle) / scale
    values = 1 - 2 * norm.sf(z)
    return Suspicion(values, predicted, predicted[:, 0], None, {"scale": scale, "z": z})


def _judged(labels: np.ndarray, groups: np.ndarray, outputs: int) -> np.ndarray:
    """(rows,) whether another text has the label: else no model could know it."""
    pairs = np.unique(np.stack([groups, labels], 1), axis=0)
    texts = np.bincount(pairs[:, 1], minlength=outputs)
    return np.asarray(texts[labels] > 1)
