"""Out-of-fold scores: each row by linear models that have seen neither it nor its duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.evaluation.baselines.linear import PROBLEMS, Strength

FOLDS = 5
CHOICE_ROWS = 2_000  # by which the strength of the penalty is chosen
LEAST_STD = 0.2  # of a feature, as a share of the mean one; see training.linear_start
# (C, tolerance) on standardised vectors, and on TF-IDF rows of length 1; see `linear`.
VECTOR_STRENGTHS = ((0.0003, 1e-3), (0.001, 1e-3), (0.003, 1e-3), (0.01, 1e-3), (0.03, 1e-3))
VECTOR_RIDGE = ((0.0003, 1e-4), (0.001, 1e-4), (0.01, 1e-4))
TFIDF_STRENGTHS = ((1.0, 5e-4), (10.0, 5e-4))
TFIDF_RIDGE = ((0.1, 1e-4), (1.0, 1e-4))
LEAST = 1e-6  # probability, before its logarithm


@dataclass(frozen=True, eq=False)
class View:
    """Features of rows, (rows, width), dense or sparse, with the penalties that are tried."""

    name: str
    features: Any
    strengths: Sequence[Strength]


def vector_view(vectors: np.ndarray, numeric: bool) -> View:
    """Vectors of an encoder, standardised."""
    std = vectors.std(0)
    standard = (vectors - vectors.mean(0)) / np.maximum(std, LEAST_STD * std.mean() + LEAST)
    strengths = VECTOR_RIDGE if numeric else VECTOR_STRENGTHS
    return View("encoder", standard.astype(np.float32), strengths)


def folds_of(strata: np.ndarray, groups: np.ndarray, seed: int, folds: int = FOLDS) -> np.ndarray:
    """The fold of each row, (rows,): stratified, and rows of one group share a fold."""
    _unique, first, owner = np.unique(groups, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(first))
    # Units stratum by stratum, in turns over the folds: every stratum is spread evenly.
    order = order[np.argsort(strata[first][order], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % min(folds, max(len(first), 1))
    return np.asarray(fold[owner])


def out_of_fold(
    view: View,
    labels: np.ndarray,
    outputs: int,
    problem: str,
    fold: np.ndarray,
    strength: Strength,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Scores (rows, outputs) of each row by a model of the other folds; weights: (rows,)."""
    scores = np.zeros((len(labels), outputs))
    for one in np.unique(fold):
        inside = np.flatnonzero(fold == one)
        rest = np.flatnonzero(fold != one)
        own = None if weights is None else weights[rest]
        model = PROBLEMS[problem].fit(
            view.features[rest], labels[rest], outputs, strength, False, own
        )
        scores[inside] = model(view.features[inside])
    return scores


def chosen_strength(
    view: View, labels: np.ndarray, outputs: int, problem: str, fold: np.ndarray
) -> Strength:
    """The penalty with the least out-of-fold loss, on some of the rows where there are many."""
    if len(view.strengths) == 1:
        return view.strengths[0]
    if len(labels) > CHOICE_ROWS:
        some = np.random.default_rng(0).permutation(len(labels))[:CHOICE_ROWS]
        view = View(view.name, view.features[np.sort(some)], view.strengths)
        labels, fold = labels[np.sort(some)], fold[np.sort(some)]
    losses = [
        loss_of(out_of_fold(view, labels, outputs, problem, fold, strength), labels, problem)
        for strength in view.strengths
    ]
    return view.strengths[int(np.argmin(losses))]


def loss_of(scores: np.ndarray, labels: np.ndarray, problem: str) -> float:
    """The mean loss: cross-entropy, binary cross-entropy, or squared error."""
    if problem == "regression":
        return float(np.mean((scores[:, 0] - labels.reshape(-1)) ** 2))
    if problem == "multi_label_classification":
        right = np.where(labels > 0.5, scores, 1 - scores)
        return float(-np.log(right.clip(LEAST)).mean())
    return float(-np.log(scores[np.arange(len(labels)), labels].clip(LEAST)).mean())
