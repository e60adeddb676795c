"""TF-IDF with a linear model: the n-grams, the strength of the penalty, the best on validation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.evaluation.baselines.base import (
    Baseline,
    Constant,
    Selection,
    Texts,
    picked,
    positions_of,
)
from weitiao.evaluation.baselines.features import TfidfView, stacked, views_for
from weitiao.evaluation.baselines.linear import PROBLEMS, Linear, Problem, selection_metric
from weitiao.i18n.messages import N_, in_english

NAME = "tfidf_linear"
TRAIN_ROWS = 20_000  # a linear model on counts gains little beyond; drawn with the seed
VALIDATION_ROWS = 5_000  # enough to choose between six candidates
CHARACTERS = 10_000_000  # for character n-grams and word segmentation: half a minute
LEAST_SECONDS = 1.0  # with less, the constant stands alone
CHARACTERS_A_SECOND = 150_000  # the same, where the time is limited
SHORTEST_CUT = 64  # characters of a text that are always read
MANY_ROWS = 5_000  # from here on an n-gram must occur in two texts
BOTH_VALUES = 30_000_000  # numbers of the features of words and characters together: 240 MB
SCORE_BATCH_ROWS = 10_000  # bounds the memory
# (C, tolerance): the inverse of the L2 penalty, and the gradient at which the solver stops. With a
# larger C the optimum is flatter and needs a smaller one. Ridge overfits sooner: it starts lower.
STRENGTHS = ((1.0, 5e-4), (10.0, 1e-4))
RIDGE_STRENGTHS = ((0.1, 1e-4), (1.0, 1e-4), (10.0, 1e-4))
# The analyzers of a candidate -> its name.
CANDIDATES = {
    ("words",): N_("words 1-2, C={c:g}"),
    ("characters in words",): N_("characters 2-5, C={c:g}"),
    ("words", "characters in words"): N_("words 1-2 and characters 2-5, C={c:g}"),
    ("characters",): N_("characters 1-3, C={c:g}"),
    ("jieba words",): N_("jieba words 1-2, C={c:g}"),
    ("characters", "jieba words"): N_("characters 1-3 and jieba words 1-2, C={c:g}"),
}


@dataclass(frozen=True, eq=False)
class TfidfLinear:
    """A fitted model: texts, one list for each role, to scores (n, outputs).

    It consists of plain values and arrays: `weitiao.evaluation.baselines.saved` writes them.
    """

    views: tuple[TfidfView, ...]
    linear: Linear
    roles: int

    def __call__(self, texts: Texts) -> np.ndarray:
        scores = [np.zeros((0, self.linear.outputs))]
        for start in range(0, len(texts[0]), SCORE_BATCH_ROWS):
            part = [role[start : start + SCORE_BATCH_ROWS] for role in texts]
            scores.append(self.linear(stacked([view.features(part) for view in self.views])))
        return np.concatenate(scores)


def fit_baselines(  # noqa: PLR0913 - the two parts of the data are four of the arguments
    problem: str,
    train_texts: Texts,
    train_labels: np.ndarray,
    validation_texts: Texts,
    validation_labels: np.ndarray,
    outputs: int,
    seed: int,
    seconds: float | None = None,
    *,
    selection: Selection | None = None,
    balanced: bool = False,
    weights: np.ndarray | None = None,
) -> dict[str, Baseline]:
    """The baselines of every model: "majority" (or "mean") and "tfidf_linear".

    problem: the task's `problem_type`, one of PROBLEMS. selection: the metric that chooses between
    candidates, by default accuracy, macro F1 or Pearson's r. balanced: class weights inverse to
    frequency, for a network that is trained with them; weights: of the training rows.

    The linear model is fitted on words, on characters (for Chinese: characters, and words by
    jieba) and on both together, each with a grid of C; the best on validation is taken, of equals
    the simpler. The same rows and seed give the same baseline, except that with `seconds` the
    search ends when they are spent (one candidate is always fitted, to the same rows). Strong on
    topics and long texts (Wang and Manning, 2012, "Baselines and Bigrams"): a network that does not
    beat it is not worth its cost.
    """
    model = PROBLEMS[problem]
    always = model.mean(train_labels, outputs, weights)
    simple = Baseline(model.constant, {"always": always.tolist()}, Constant(always))
    if seconds is not None and seconds < LEAST_SECONDS:
        return {simple.name: simple}
    begin = time.monotonic()
    generator = np.random.default_rng(seed)
    train_rows = positions_of(len(train_labels), TRAIN_ROWS, generator)
    rows = positions_of(len(validation_labels), VALIDATION_ROWS, generator)
    selection = selection or Selection(
        type(model.metric).__name__,
        lambda at, scores: selection_metric(model, validation_labels[at], scores),
    )
    search = _Search(
        model,
        picked(train_texts, train_rows),
        train_labels[train_rows],
        picked(validation_texts, rows),
        outputs,
        balanced,
        None if weights is None else weights[train_rows],
        seconds,
        begin,
    )
    best: tuple[float, str, TfidfLinear] | None = None
    tried = {}
    for name, candidate, scores in search.candidates():
        tried[name] = selection.value(rows, scores)
        if best is None or selection.order(tried[name]) > selection.order(best[0]):
            best = tried[name], name, candidate
        if seconds is not None and time.monotonic() - begin >= seconds:
            break
    assert best is not None
    detail = {
        "features": best[1],
        "metric": selection.name,
        "validation": best[0],
        "candidates": tried,
        "train_rows": len(train_rows),
        "all_rows": len(train_labels),
        "seconds": round(time.monotonic() - begin, 2),
    }
    return {simple.name: simple, NAME: Baseline(NAME, detail, best[2])}


@dataclass(frozen=True)
class _Search:
    """The candidates, fitted one after the other. seconds: for all since `begin`, None: no limit"""

    problem: Problem
    texts: Texts
    labels: np.ndarray
    validation: Texts
    outputs: int
    balanced: bool
    weights: np.ndarray | None
    seconds: float | None
    begin: float

    def candidates(self) -> Iterator[tuple[str, TfidfLinear, np.ndarray]]:
        """Each candidate's name, model and validation scores, the simpler first."""
        limit = CHARACTERS
        if self.seconds is not None:
            limit = min(limit, int(self.seconds * CHARACTERS_A_SECOND))
        longest = max(limit // (len(self.labels) * len(self.texts)), SHORTEST_CUT)
        fewest_rows = 1 if len(self.labels) < MANY_ROWS else 2
        views, features, validation = list[TfidfView](), list[Any](), list[Any]()
        for view in views_for(self.texts, longest):
            views.append(view)
            features.append(view.fit(self.texts, fewest_rows))
            validation.append(view.features(self.validation))
            yield from self._fitted((view,), features[-1], validation[-1])
        if self._time_for_both() and sum(matrix.nnz for matrix in features) <= BOTH_VALUES:
            yield from self._fitted(tuple(views), stacked(features), stacked(validation))

    def _fitted(
        self, views: tuple[TfidfView, ...], features: Any, validation: Any
    ) -> Iterator[tuple[str, TfidfLinear, np.ndarray]]:
        name = CANDIDATES[tuple(view.analyzer for view in views)]
        for strength in RIDGE_STRENGTHS if self.problem.ridge else STRENGTHS:
            fitted = self.problem.fit(
                features, self.labels, self.outputs, strength, self.balanced, self.weights
            )
            candidate = TfidfLinear(views, fitted, len(self.texts))
            yield in_english(name, c=strength[0]), candidate, fitted(validation)

    def _time_for_both(self) -> bool:
        """Both together take about as long as each of them has taken so far."""
        return self.seconds is None or 2 * (time.monotonic() - self.begin) <= self.seconds
