"""Metrics of answers in a passage: exact match, F1 of words, AUROC of answerability."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, Order, mid_ranks, ratio
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import MARGIN, OVERLAP, Passages
from weitiao.tasks.answers.texts import Texts


class ExactMatch(ArrayMetric):
    """Exact match: the proportion equal to a gold answer but for case, articles and punctuation.

    As the scripts of SQuAD and, by characters, of CMRC 2018; of several right answers one is
    enough. Of texts that were written, the proportion equal to their reference. Strict: a word too
    many is as wrong as another passage, so look at `f1` too.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Passages, Texts)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ answers.right().astype(float) / weights.sum(1)

    def proportion(self, answers: type[Answers]) -> bool:
        return True


class F1(ArrayMetric):
    """F1 of the words that prediction and gold answer share, the mean over questions.

    As the scripts of SQuAD (words in common) and, for Chinese, of CMRC 2018 (characters of the
    longest run in common); of several right answers the nearest counts.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Passages,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ answers.counts[:, OVERLAP] / weights.sum(1)


class AnswerableAuroc(ArrayMetric):
    """AUROC of answerability: the probability that a question with an answer scores above one
    without. 0.5 is random, 1 separates them perfectly; it does not depend on the threshold.

    The score is the best passage's, less that of "no answer". Unknown where all questions have an
    answer, or none has.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Passages,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    of_scores: ClassVar[bool] = True

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        answerable = np.array([bool(golds) for golds in answers.targets], float)
        order = Order(answers.counts[:, MARGIN])
        positive, negative = (
            order.sums(weights * answerable),
            order.sums(weights * (1 - answerable)),
        )
        pairs = positive.sum(1) * negative.sum(1)
        return ratio((positive * mid_ranks(negative)).sum(1), pairs, float("nan"))
