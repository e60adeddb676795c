"""Uncertainty sampling (Lewis and Gale 1994; Settles 2009): rows that the model is unsure of."""

from __future__ import annotations

import numpy as np

from weitiao.annotation.choose.base import Candidates, Order, descending


class LeastConfident(Order):
    """Rows whose likeliest label has the lowest probability. When to use: two labels."""

    def rank(self, rows: Candidates) -> np.ndarray:
        return descending(-rows.scores.max(1), rows.rng)


class Margin(Order):
    """Rows whose two likeliest labels are closest in probability. When to use: more than two
    labels, no odd rows."""

    def rank(self, rows: Candidates) -> np.ndarray:
        return descending(-margins(rows.scores), rows.rng)


class Entropy(Order):
    """Rows whose probabilities have the highest entropy. When to use: a few labels, all likely."""

    def rank(self, rows: Candidates) -> np.ndarray:
        safe = np.clip(rows.scores, 1e-12, 1)
        return descending(-(safe * np.log(safe)).sum(1), rows.rng)


def margins(scores: np.ndarray) -> np.ndarray:
    """The difference of the two highest probabilities, (n,)."""
    two = np.partition(scores, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])
