"""The baseline of retrieval: BM25 of words in common, without a network."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import numpy as np

from weitiao.core.script import LETTER, UNSEPARATED
from weitiao.data.rows import Rows
from weitiao.evaluation.baselines import Baseline
from weitiao.i18n.messages import N_
from weitiao.tasks.retrieval import ranked

NAME, UNTUNED = "bm25", "untuned_encoder"
NAMES = (N_("bm25"), N_("untuned_encoder"))
K1, B = 1.2, 0.75
_WORD = re.compile(rf"[{UNSEPARATED}]+|{LETTER}+")
_UNSEPARATED = re.compile(f"[{UNSEPARATED}]")


def terms(text: str) -> list[str]:
    """The words of a text in lower case; of Chinese single characters and pairs of them.

    >>> terms("The cat"), terms("你好吗")
    (['the', 'cat'], ['你', '好', '吗', '你好', '好吗'])
    >>> terms("2023年USB")
    ['2023', '年', 'usb']
    """
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if not _UNSEPARATED.match(word):
            found.append(word)
            continue
        found += [*word, *(word[at : at + 2] for at in range(len(word) - 1))]
    return found


def retrieval_baselines() -> dict[str, Baseline]:
    """BM25 (Robertson, Zaragoza 2009) over the passages of the judged rows."""

    def score(rows: Rows) -> Any:
        gold = _gold(rows)
        table = _Bm25([passage for _question, passage in gold])
        questions = [question for question, _passage in gold]
        ranks, best, first = ranked(gold, lambda part: table.scores(questions[part]))
        return np.column_stack([ranks, best, first])

    return {NAME: Baseline(NAME, {}, score, of_rows=True)}


def _gold(rows: Rows) -> Any:
    pairs = [
        (str(example.inputs["text"]), str(example.target or ""))
        for examples in rows.batches()
        for example in examples
    ]
    gold = np.empty(len(pairs), object)
    gold[:] = pairs
    return gold


class _Bm25:
    """Weights of terms in passages, as a sparse matrix."""

    def __init__(self, passages: list[str]) -> None:
        from scipy.sparse import csr_matrix

        bags = [Counter(terms(passage)) for passage in passages]
        self.number: dict[str, int] = {}
        sizes = np.array([sum(bag.values()) for bag in bags], float)
        usual = sizes.mean() if len(sizes) else 1.0
        known = Counter(term for bag in bags for term in bag)
        places: list[tuple[int, int]] = []
        weights = []
        for row, bag in enumerate(bags):
            for term, count in bag.items():
                idf = math.log(1 + (len(bags) - known[term] + 0.5) / (known[term] + 0.5))
                damped = count + K1 * (1 - B + B * sizes[row] / max(usual, 1e-9))
                places.append((row, self.number.setdefault(term, len(self.number))))
                weights.append(idf * count * (K1 + 1) / damped)
        rows, columns = np.array(places).reshape(-1, 2).T
        shape = (len(bags), max(len(self.number), 1))
        self.weights = csr_matrix((weights, (rows, columns)), shape=shape)

    def scores(self, questions: list[str]) -> np.ndarray:
        """(questions, passages)."""
        from scipy.sparse import csr_matrix

        pairs = [
            (row, self.number[term])
            for row, question in enumerate(questions)
            for term in terms(question)
            if term in self.number
        ]
        rows, columns = np.array(pairs, int).reshape(-1, 2).T
        asked = csr_matrix(
            (np.ones(len(pairs)), (rows, columns)), shape=(len(questions), self.weights.shape[1])
        )
        return np.asarray((asked @ self.weights.T).toarray())
