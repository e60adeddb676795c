"""Extractive question answering: the sliding-window baseline, and the F1-coverage curve.

The baseline needs no training: the sentence with the highest IDF-weighted overlap with the question
is taken, and in it the words that are close to shared words but not in the question (the sliding
window of Richardson et al. 2013, as in Rajpurkar et al. 2016).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from weitiao.core.script import LETTER, UNSEPARATED
from weitiao.evaluation.baselines import Baseline, Texts
from weitiao.i18n.messages import N_, _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import BEST_OVERLAP, MARGIN

TOKEN = re.compile(rf"[{UNSEPARATED}]|{LETTER}+")  # a Chinese character, or a word of other writing
SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])|\n+")
CONTEXT_TOKENS = 8  # to either side of a candidate
IDF_ROWS = 2000  # training rows from which document frequencies are counted
CURVE_POINTS = 20


@dataclass(frozen=True)
class _Overlap:
    """The sliding window: IDF weights, and the length of an answer in tokens."""

    idf: dict[str, float]
    idf_of_unseen: float
    size: int

    def answer(self, question: str, context: str) -> tuple[int, int, float]:
        """Character offsets of the best span, and the weighted proportion of the question's words
        in its sentence."""
        wanted = {one.group().lower() for one in TOKEN.finditer(question)}
        best = (0, 0, -1.0)
        for begin, end in _sentences(context):
            units = list(TOKEN.finditer(context, begin, end))
            if not units:
                continue
            words = [one.group().lower() for one in units]
            weights = np.array([self._weight(word) if word in wanted else 0.0 for word in words])
            matched = sum(self._weight(word) for word in {*words} & wanted)
            total = sum(map(self._weight, wanted)) or 1.0
            at, size = self._place(weights)
            if matched / total > best[2]:
                best = units[at].start(), units[at + size - 1].end(), matched / total
        return best

    def _place(self, weights: np.ndarray) -> tuple[int, int]:
        """The first token and the length of the best span of a sentence: close to words of the
        question, and without any."""
        size = min(self.size, len(weights))
        sums = np.concatenate([[0.0], np.cumsum(weights)])
        starts = np.arange(len(weights) - size + 1)
        # Sums over all windows at once, as differences of the cumulative sum.
        inside = sums[starts + size] - sums[starts]
        wide = sums[np.minimum(starts + size + CONTEXT_TOKENS, len(weights))]
        wide = wide - sums[np.maximum(starts - CONTEXT_TOKENS, 0)] - inside
        return int((wide - 2 * inside).argmax()), size

    def _weight(self, word: str) -> float:
        return self.idf.get(word, self.idf_of_unseen)


def _sentences(text: str) -> list[tuple[int, int]]:
    edges = [0, *(one.end() for one in SENTENCE_END.finditer(text)), len(text)]
    return [(begin, end) for begin, end in pairwise(edges) if end > begin]


def reading_baselines(
    contexts: Sequence[str], gold_answers: Sequence[str], unanswerable: bool
) -> dict[str, Baseline]:
    """Baselines "lexical" (sliding window) and, where questions may have no answer, "no_answer".

    contexts, gold_answers: of training rows.
    """
    passages = list(dict.fromkeys(contexts))[:IDF_ROWS]
    document_counts = Counter(
        word for text in passages for word in {one.group().lower() for one in TOKEN.finditer(text)}
    )
    # Smoothed IDF, as scikit-learn: log((1 + n) / (1 + df)) + 1.
    idf = {
        word: math.log((1 + len(passages)) / (1 + count)) + 1
        for word, count in document_counts.items()
    }
    sizes = [len(TOKEN.findall(text)) for text in gold_answers[:IDF_ROWS]]
    size = max(1, int(np.median(sizes))) if sizes else 1
    overlap = _Overlap(idf, math.log(1 + len(passages)) + 1, size)

    def lexical(texts: Texts) -> np.ndarray:
        rows = [overlap.answer(*row) for row in zip(*texts, strict=True)]
        # Columns as best_spans has them: start, end, score of the span, of "no answer", confidence.
        return np.array([(*one[:2], max(one[2], 0.0), 0.0, max(one[2], 0.0)) for one in rows])

    detail = {"units": size, "train_rows": len(passages)}
    baselines = {"lexical": Baseline("lexical", detail, lexical)}
    if unanswerable:
        baselines["no_answer"] = Baseline(
            "no_answer", {}, lambda texts: np.tile([0.0, 0.0, 0.0, 1.0, 0.0], (len(texts[0]), 1))
        )
    return baselines


NAMES = (N_("lexical"), N_("no_answer"))


def coverage(answers: Answers) -> list[dict[str, float]]:
    """F1-coverage curve: F1 of the questions answered, if only the most confident are.

    Each point has the lowest score of the answered; the score is the margin of the best span over
    "no answer", or the confidence where every question has an answer.
    """
    confidence = answers.counts[:, MARGIN] if has_none(answers) else answers.scores
    order = np.argsort(-confidence, kind="stable")
    f1_sums = np.cumsum(answers.counts[order, BEST_OVERLAP])
    rows = len(order)
    ends = np.unique(np.ceil(np.arange(1, CURVE_POINTS + 1) * rows / CURVE_POINTS).astype(int))
    return [
        {
            "coverage": end / rows,
            "f1": float(f1_sums[end - 1] / end),
            "score": float(confidence[order[end - 1]]),
        }
        for end in ends.tolist()
    ]


def has_none(answers: Answers) -> bool:
    """Whether some question has no answer, gold or predicted."""
    return any(not gold for gold in answers.targets) or bool((answers.values == "").any())


def threshold_message(one: Mapping[str, Any]) -> str:
    """The threshold of "no answer" and its effect on validation, as a sentence."""
    return _(
        '"No answer" is given where it scores above the best passage by more than {limit}: on '
        "validation {share} of the questions are answered and F1 is {f1}, {untuned} without it.",
        limit=f"{one['null_threshold']:.3f}",
        share=f"{one['answered']:.0%}",
        f1=f"{one['f1']:.3f}",
        untuned=f"{one['untuned']:.3f}",
    )
