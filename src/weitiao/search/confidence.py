"""How sure it is that the documents answer a question: the score of an answer, tuned.

A reader alone is too sure of passages that are near and do not say; how near they are, by their
words and by their vectors, tells as much again. Logistic regression on labelled questions joins
the three (as Platt 1999 calibrates one).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from weitiao.search.index import Found

MOST_LOGIT = 12.0  # a reader that says 0 or 1 has no logit
FEATURES = 3


@dataclass(frozen=True)
class Confidence:
    """Probability that there is an answer = 1 / (1 + exp(-(intercept + weights * features)))."""

    intercept: float
    of_score: float
    of_cosine: float
    of_bm25: float

    def of(self, score: float, sources: Sequence[Found]) -> float:
        """The probability for an answer with the score of its reader, and the passages it read."""
        weights = np.array([self.of_score, self.of_cosine, self.of_bm25])
        total = self.intercept + float(weights @ features(score, sources))
        return 1 / (1 + math.exp(-max(-MOST_LOGIT, min(MOST_LOGIT, total))))

    def text(self) -> str:
        return json.dumps(astuple(self))


def features(score: float, sources: Sequence[Found]) -> np.ndarray:
    """(3,): the logit of the reader's score, the highest cosine and BM25 of the passages."""
    clipped = min(max(score, 1e-9), 1 - 1e-9)
    logit = math.log(clipped / (1 - clipped))
    cosine = max((one.cosine for one in sources), default=0.0)
    bm25 = max((one.bm25 for one in sources), default=0.0)
    return np.array([max(-MOST_LOGIT, min(MOST_LOGIT, logit)), cosine, bm25])


def fitted(rows: Sequence[np.ndarray], answerable: Sequence[bool]) -> Confidence | None:
    """The confidence that tells questions with an answer from those without; None where all are of
    one kind."""
    from sklearn.linear_model import LogisticRegression

    if len(set(answerable)) < 2:
        return None
    values = np.array(rows)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread < 1e-9] = np.inf  # the same for all: no weight
    model = LogisticRegression().fit((values - mean) / spread, answerable)
    weights = model.coef_[0] / spread
    return Confidence(float(model.intercept_[0] - weights @ mean), *weights.tolist())


def parsed(text: str) -> Confidence | None:
    """The confidence that `text` wrote. Raises ValueError for another text."""
    if not text:
        return None
    values = json.loads(text)
    numbers = isinstance(values, list) and all(
        isinstance(one, float | int) and math.isfinite(one) for one in values
    )
    if not numbers or len(values) != FEATURES + 1:
        raise ValueError(text)
    return Confidence(*map(float, values))
