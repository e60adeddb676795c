"""Judging answers over documents end to end: recall, exact match, F1, coverage, "not found"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.labels.passages.agreement import agreement, by_characters
from weitiao.search.reading import Answer
from weitiao.search.store import Stored

DEPTHS = (1, 5, 20)


@dataclass(frozen=True)
class Question:
    """A question with its right answers; none: the documents do not say. passage: a text that the
    right passage holds, by default one of the answers."""

    text: str
    answers: tuple[str, ...] = ()
    passage: str = ""

    def is_right(self, passage: Stored) -> bool:
        """Whether a passage answers the question."""
        if self.passage:
            return passage.text in self.passage or self.passage in passage.text
        return any(answer in passage.text for answer in self.answers)


def judged(
    questions: Sequence[Question],
    answers: Sequence[Answer],
    found: Sequence[Sequence[Stored]],
) -> dict[str, Any]:
    """Figures of all questions.

    found: the passages of each question, the best first, at least as many as the largest of DEPTHS.
    recall: of questions with an answer; exact_match and f1: of the answers that were given, and of
    "not found" where there is none; coverage: the proportion that was answered; supported: of the
    sentences that were said; not_found_auroc: how well the score tells both kinds of questions.
    """
    known = [at for at, one in enumerate(questions) if one.answers]
    ranks = [_rank(questions[at], found[at]) for at in known]
    figures: dict[str, Any] = {"questions": len(questions), "answerable": len(known)}
    for depth in DEPTHS:
        hits = [rank is not None and rank <= depth for rank in ranks]
        figures[f"recall_at{depth}"] = _mean(hits)
    by = by_characters([text for one in questions for text in one.answers])
    pairs = [
        agreement(answer.text, question.answers, by)
        for question, answer in zip(questions, answers, strict=True)
    ]
    figures["exact_match"], figures["f1"] = (
        _mean([p[0] for p in pairs]),
        _mean([p[1] for p in pairs]),
    )
    figures["coverage"] = _mean([answer.found for answer in answers])
    marks = [one.supported for answer in answers for one in answer.sentences]
    figures["supported"] = _mean(marks) if marks else None
    if 0 < len(known) < len(questions):
        labels = np.array([bool(one.answers) for one in questions])
        figures["not_found_auroc"] = auroc(labels, np.array([one.score for one in answers]))
    return figures


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The probability that a question with an answer scores above one without."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def tuned_threshold(
    questions: Sequence[Question], answers: Sequence[Answer]
) -> tuple[float, list[dict[str, float]]]:
    """The threshold of the score with the best F1, and the curve of coverage and F1 over it.

    Without the threshold an answer would be its `best`. Of equal F1 the lowest: it answers more.
    """
    by = by_characters([text for one in questions for text in one.answers])
    said = np.array([
        agreement(answer.best, one.answers, by)[1]
        for one, answer in zip(questions, answers, strict=True)
    ])  # fmt: skip
    silent = np.array([float(not one.answers) for one in questions])
    scores = np.array([one.score for one in answers])
    limits = np.unique(np.concatenate([[0.0], scores]))
    curve = []
    for limit in limits.tolist():
        answered = scores >= limit
        curve.append(
            {
                "threshold": limit,
                "coverage": float(answered.mean()),
                "f1": float(np.where(answered, said, silent).mean()),
            }
        )
    best = max(curve, key=lambda one: (round(one["f1"], 9), -one["threshold"]))
    return best["threshold"], curve


def _rank(question: Question, found: Sequence[Stored]) -> int | None:
    places = (rank for rank, one in enumerate(found, 1) if question.is_right(one))
    return next(places, None)


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


Asked = Callable[[str], Answer]
