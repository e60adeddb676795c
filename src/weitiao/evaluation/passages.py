"""Questions about passages: what answers without a network, and how right it is if it answers less.

The baseline needs no training: the words around a place that a question shares with the passage,
weighted by how rare they are (a sliding window, as Richardson et al. 2013 and Rajpurkar et al. 2016
use it), choose the sentence, and in it the words that the question does not have.
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

from weitiao.core.script import HAN
from weitiao.evaluation.baselines import Baseline, Texts
from weitiao.i18n.messages import N_, _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import BEST_OVERLAP, MARGIN

UNIT = re.compile(rf"[{HAN}]|[^\W_]+")  # a Chinese character, or a word of other writing
STOP = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])|\n+")
AROUND = 8  # units to either side that speak for a place
LEARNED = 2000  # training rows by which words are weighted
SHARES = 20  # points of the curve


@dataclass(frozen=True)
class _Overlap:
    """How rare units are, and how many an answer has."""

    rarity: dict[str, float]
    rare: float  # of a unit never seen
    size: int

    def answer(self, question: str, context: str) -> tuple[int, int, float]:
        """The characters of the best passage, and how much of the question stands around it."""
        wanted = {one.group().lower() for one in UNIT.finditer(question)}
        best = (0, 0, -1.0)
        for begin, end in _sentences(context):
            units = list(UNIT.finditer(context, begin, end))
            if not units:
                continue
            words = [one.group().lower() for one in units]
            worth = np.array([self._worth(word) if word in wanted else 0.0 for word in words])
            held = sum(self._worth(word) for word in {*words} & wanted)
            total = sum(map(self._worth, wanted)) or 1.0
            at, size = self._place(worth)
            if held / total > best[2]:
                best = units[at].start(), units[at + size - 1].end(), held / total
        return best

    def _place(self, worth: np.ndarray) -> tuple[int, int]:
        """Where in a sentence: near to shared words, and holding none."""
        size = min(self.size, len(worth))
        sums = np.concatenate([[0.0], np.cumsum(worth)])
        starts = np.arange(len(worth) - size + 1)
        inside = sums[starts + size] - sums[starts]
        wide = sums[np.minimum(starts + size + AROUND, len(worth))]
        wide = wide - sums[np.maximum(starts - AROUND, 0)] - inside
        return int((wide - 2 * inside).argmax()), size

    def _worth(self, word: str) -> float:
        return self.rarity.get(word, self.rare)


def _sentences(text: str) -> list[tuple[int, int]]:
    edges = [0, *(one.end() for one in STOP.finditer(text)), len(text)]
    return [(begin, end) for begin, end in pairwise(edges) if end > begin]


def reading_baselines(
    contexts: Sequence[str], answers: Sequence[str], unanswerable: bool
) -> dict[str, Baseline]:
    """Word overlap, and where questions have no answer, always saying so.

    contexts, answers: of training rows.
    """
    seen = list(dict.fromkeys(contexts))[:LEARNED]
    often = Counter(
        word for text in seen for word in {one.group().lower() for one in UNIT.finditer(text)}
    )
    rarity = {word: math.log((1 + len(seen)) / (1 + count)) + 1 for word, count in often.items()}
    sizes = [len(UNIT.findall(text)) for text in answers[:LEARNED]]
    size = max(1, int(np.median(sizes))) if sizes else 1
    overlap = _Overlap(rarity, math.log(1 + len(seen)) + 1, size)

    def lexical(texts: Texts) -> np.ndarray:
        found = [overlap.answer(*row) for row in zip(*texts, strict=True)]
        return np.array([(*one[:2], max(one[2], 0.0), 0.0, max(one[2], 0.0)) for one in found])

    told = {"units": size, "train_rows": len(seen)}
    baselines = {"lexical": Baseline("lexical", told, lexical)}
    if unanswerable:
        baselines["no_answer"] = Baseline(
            "no_answer", {}, lambda texts: np.tile([0.0, 0.0, 0.0, 1.0, 0.0], (len(texts[0]), 1))
        )
    return baselines


NAMES = (N_("lexical"), N_("no_answer"))


def coverage(judged: Answers) -> list[dict[str, float]]:
    """F1 of the questions answered, if only those are whose passages score highest.

    Each point says from which score on; the score is the passage's above "no answer", or how sure
    the answer is where every question has one.
    """
    by = judged.counts[:, MARGIN] if has_none(judged) else judged.scores
    order = np.argsort(-by, kind="stable")
    gained = np.cumsum(judged.counts[order, BEST_OVERLAP])
    rows = len(order)
    ends = np.unique(np.ceil(np.arange(1, SHARES + 1) * rows / SHARES).astype(int))
    return [
        {
            "coverage": end / rows,
            "f1": float(gained[end - 1] / end),
            "score": float(by[order[end - 1]]),
        }
        for end in ends.tolist()
    ]


def has_none(judged: Answers) -> bool:
    """Whether some question has no answer, or was given none."""
    return any(not golds for golds in judged.targets) or bool((judged.values == "").any())


def threshold_told(one: Mapping[str, Any]) -> str:
    """What was chosen for "no answer", in a sentence."""
    return _(
        '"No answer" is given where it scores above the best passage by more than {limit}: on '
        "validation {share} of the questions are answered and F1 is {f1}, {untuned} without it.",
        limit=f"{one['null_threshold']:.3f}", share=f"{one['answered']:.0%}",
        f1=f"{one['f1']:.3f}", untuned=f"{one['untuned']:.3f}",
    )  # fmt: skip
