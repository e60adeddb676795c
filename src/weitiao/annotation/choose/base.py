"""Order interface: how useful the label of each unlabelled row would be."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from weitiao.parts import Part


@dataclass(frozen=True, eq=False)
class Candidates:
    """Unlabelled rows as an order sees them.

    features (n, width); scores (n, labels): of the model that learned from the labels so far;
    committee: (members, n, labels), scores of models of resampled labels; suggested (n,): the index
    of the pre-label, -1 without one; batch: rows that are shown until the next ranking.
    """

    features: np.ndarray
    scores: np.ndarray
    committee: Callable[[], np.ndarray]
    suggested: np.ndarray
    batch: int
    rng: np.random.Generator


class Order(Part):
    """Ranks the rows for labelling, the most useful first."""

    @abstractmethod
    def rank(self, rows: Candidates) -> np.ndarray:
        """The places of the candidates, (n,), the first to be labelled first."""


def descending(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places by value, the highest first; equal ones in random order."""
    shuffled = rng.permutation(len(values))
    return np.asarray(shuffled[np.argsort(-values[shuffled], kind="stable")])
