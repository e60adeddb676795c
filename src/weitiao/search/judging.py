"""Judging answers over documents end to end: recall, exact match, F1, coverage, "not found"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.core.script import UNSEPARATED
from weitiao.labels.passages.agreement import agreement, by_characters
from weitiao.labels.texts.pieces import SENTENCE_END
from weitiao.search.reading import Answer
from weitiao.search.store import Stored

DEPTHS = (1, 5, 20)
LIMITS = 200  # thresholds that are tried
TELLING = 8  # characters of a sentence by which a passage is known
# Scripts without blanks, or (Korean) with endings that stand at the word: Thai, Lao, Tibetan, ...
_FREE = UNSEPARATED + "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\uac00-\ud7a3"
_WITHIN_WORD = re.compile(rf"(?:(?![{_FREE}])[\w\u0300-\u036f]){{2}}")
_WITHIN_NUMBER = re.compile(r"\d[.,]\d")
_NEEDLESS = re.compile(rf"(?<=[{UNSEPARATED}]) | (?=[{UNSEPARATED}])")


@dataclass(frozen=True)
class Question:
    """A question with its right answers. (): the documents do not say; None: it is not known.

    passage: the text that holds the answer, however the documents are cut into passages.
    """

    text: str
    answers: tuple[str, ...] | None = None
    passage: str = ""

    @property
    def answerable(self) -> bool:
        return bool(self.passage) if self.answers is None else bool(self.answers)

    def is_right(self, passage: Stored) -> bool:
        """Whether a passage answers the question: it holds an answer, and where the right passage
        is known, one of its sentences. Case does not count, nor how words are divided by blanks and
        line breaks; an answer begins and ends where words do (Chinese ones: anywhere)."""
        text, gold = _plain(passage.text), _plain(self.passage)
        answers = [_plain(one) for one in self.answers or ()]
        if gold:
            sentences = [_plain(one) for one in SENTENCE_END.split(passage.text)]
            telling = [one for one in sentences if len(one) >= TELLING]
            if not (_holds(text, gold) or any(_holds(gold, one) for one in telling)):
                return False
            answers = [one for one in answers if _holds(gold, one)]  # others are in other words
            return not answers or any(_holds(text, one) for one in answers)
        return any(_holds(text, one) for one in answers)


def judged(
    questions: Sequence[Question],
    found: Sequence[Sequence[Stored]],
    answers: Sequence[Answer] | None = None,
) -> dict[str, Any]:
    """Figures of all questions.

    found: the passages of each question, the best first, at least as many as the largest of DEPTHS.
    answers: None where nothing is read. recall: of questions with an answer; exact_match and f1: of
    the answers that were given, and of "not found" where there is none; coverage: the proportion
    that was answered; supported: of the sentences that were said; not_found_auroc: how well the
    score tells both kinds of questions.
    """
    known = [at for at, one in enumerate(questions) if one.answerable]
    ranks = [_rank(questions[at], found[at]) for at in known]
    figures: dict[str, Any] = {"questions": len(questions), "answerable": len(known)}
    for depth in DEPTHS:
        figures[f"recall_at{depth}"] = _mean([0 < rank <= depth for rank in ranks])
    if answers is None:
        return figures
    figures["coverage"] = _mean([answer.found for answer in answers])
    marks = [one.supported for answer in answers for one in answer.sentences]
    figures["supported"] = _mean(marks)
    if any(one.answers is None for one in questions):
        return figures
    said = _agreements(questions, [one.text for one in answers])
    figures["exact_match"], figures["f1"] = said.mean(axis=0).tolist()
    if 0 < len(known) < len(questions):
        labels = np.array([one.answerable for one in questions])
        figures["not_found_auroc"] = auroc(labels, np.array([one.score for one in answers]))
    figures["curve"] = coverage_curve(questions, answers)
    return figures


def _agreements(questions: Sequence[Question], texts: Sequence[str]) -> np.ndarray:
    """(n, 2): exact match and F1 of each answer."""
    golds = [one.answers or () for one in questions]
    by = by_characters([text for gold in golds for text in gold])
    pairs = [agreement(text, gold, by) for text, gold in zip(texts, golds, strict=True)]
    return np.array(pairs).reshape(-1, 2)


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The probability that a question with an answer scores above one without."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def coverage_curve(
    questions: Sequence[Question], answers: Sequence[Answer]
) -> list[dict[str, float]]:
    """Thresholds of the score: the proportion of questions that is answered with each, the F1 of
    all questions, and that of the answered ones. Without it an answer would be its `best`."""
    said = _agreements(questions, [one.best for one in answers])[:, 1]
    silent = np.array([float(not one.answerable) for one in questions])
    scores = np.array([one.score for one in answers])
    limits = np.unique(np.quantile(scores, np.linspace(0, 1, LIMITS), method="lower"))
    curve = []
    for limit in [0.0, *limits[limits > 0].tolist()]:
        answered = scores >= limit
        curve.append(
            {
                "threshold": limit,
                "coverage": float(answered.mean()),
                "f1": float(np.where(answered, said, silent).mean()),
                "f1_answered": _mean(said[answered]) or 0.0,
            }
        )
    return curve


def tuned_threshold(questions: Sequence[Question], answers: Sequence[Answer]) -> float:
    """The threshold of the score with the best F1; of equal ones the lowest: it answers more."""
    curve = coverage_curve(questions, answers)
    best = max(curve, key=lambda one: (round(one["f1"], 9), -one["threshold"]))
    return best["threshold"]


def _plain(text: str) -> str:
    """A text with one blank between words, and none beside characters that need none."""
    text = " ".join(unicodedata.normalize("NFC", text).split()).casefold()
    return _NEEDLESS.sub("", text)


def _holds(text: str, part: str) -> bool:
    """Whether a plain text holds a part that does not begin or end within a word.

    >>> _holds("education", "cat"), _holds("a cat.", "cat"), _holds("建于1889年", "1889")
    (False, True, True)
    """
    at = text.find(part) if part else -1
    while at >= 0:
        end = at + len(part)
        if not (_joined(text, at) or _joined(text, end)):
            return True
        at = text.find(part, at + 1)
    return False


def _joined(text: str, at: int) -> bool:
    """Whether the characters on both sides of a place are of one word or number."""
    if at == 0 or at == len(text):
        return False
    return _WITHIN_WORD.match(text, at - 1) is not None or (
        _WITHIN_NUMBER.match(text, max(at - 2, 0), at + 1) is not None
        or _WITHIN_NUMBER.match(text, at - 1, at + 2) is not None
    )


def _rank(question: Question, found: Sequence[Stored]) -> int:
    """From 1; 0: not found."""
    places = (rank for rank, one in enumerate(found, 1) if question.is_right(one))
    return next(places, 0)


def _mean(values: Sequence[Any] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
