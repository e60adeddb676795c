"""Metrics of tagged spans and words: precision, recall and F1 of entities, token accuracy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, span_counts
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.spans import Spans


class EntityF1(ArrayMetric):
    """F1 of spans (boundaries and label), as seqeval counts.

    Counted over all spans (micro); 0 where there are none.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = span_counts(answers, weights)
        return np.asarray(2 * correct / np.maximum(predicted + gold, 1))


class EntityPrecision(ArrayMetric):
    """Precision of spans: of the predicted, the proportion that is correct (boundaries and label).

    Counted over all spans (micro); 0 where there are none.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, _ = span_counts(answers, weights)
        return np.asarray(correct / np.maximum(predicted, 1))


class EntityRecall(ArrayMetric):
    """Recall of spans: of the gold ones, the proportion that is predicted (boundaries and label).

    Counted over all spans (micro); 0 where there are none.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, _, gold = span_counts(answers, weights)
        return np.asarray(correct / np.maximum(gold, 1))


class TokenAccuracy(ArrayMetric):
    """Token accuracy: the proportion of words with the correct tag, for parts of speech. For names
    it says little, since most words are outside of them: see entity_f1."""

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, words = (weights @ answers.counts.astype(float)).T
        return np.asarray(correct / np.maximum(words, 1))
