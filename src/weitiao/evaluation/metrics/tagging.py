"""Metrics of tagged spans and words: precision, recall and F1 of entities, token accuracy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, span_counts
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.spans import Spans


class EntityF1(ArrayMetric):
    """The harmonic mean of precision and recall of spans (ends and label), as seqeval counts.

    Counted over all spans (micro); 0 where there are none.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, given, true = span_counts(judged, weights)
        return np.asarray(2 * right / np.maximum(given + true, 1))


class EntityPrecision(ArrayMetric):
    """Of the spans that are given, the share that is right (ends and label).

    Counted over all spans (micro); 0 where there are none.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, given, _ = span_counts(judged, weights)
        return np.asarray(right / np.maximum(given, 1))


class EntityRecall(ArrayMetric):
    """Of the spans that are there, the share that is found (ends and label).

    Counted over all spans (micro); 0 where there are none.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, _, true = span_counts(judged, weights)
        return np.asarray(right / np.maximum(true, 1))


class TokenAccuracy(ArrayMetric):
    """Words with the right tag, of all words: for parts of speech. For names it says little, since
    most words are none: see entity_f1."""

    answers: ClassVar[tuple[type[Answers], ...]] = (Spans,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, words = (weights @ judged.counts.astype(float)).T
        return np.asarray(right / np.maximum(words, 1))
