"""Metrics of ranks: recall, MRR and nDCG of the one right passage."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.ranks import Ranks

DEPTH = 10  # of nDCG and MRR


class _OfRanks(ArrayMetric):
    answers: ClassVar[tuple[type[Answers], ...]] = (Ranks,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @abstractmethod
    def of(self, ranks: np.ndarray) -> np.ndarray:
        """The metric of each rank, (n,) -> (n,)."""

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ self.of(answers.counts[:, 0]) / weights.sum(1)


class Ndcg(_OfRanks):
    """nDCG@10 (Järvelin, Kekäläinen 2002): 1 where the right passage is first, less the further
    behind it stands, 0 behind the tenth place."""

    def of(self, ranks: np.ndarray) -> np.ndarray:
        return np.where(ranks <= DEPTH, 1 / np.log2(1 + ranks), 0.0)


class Mrr(_OfRanks):
    """Mean reciprocal rank, MRR@10: 1 where the right passage is first, 1/2 where it is second, 0
    behind the tenth place."""

    def of(self, ranks: np.ndarray) -> np.ndarray:
        return np.where(ranks <= DEPTH, 1 / ranks, 0.0)


class _Recall(_OfRanks):
    depth: ClassVar[int]

    def of(self, ranks: np.ndarray) -> np.ndarray:
        return (ranks <= self.depth).astype(float)

    def proportion(self, answers: type[Answers]) -> bool:
        return True


class RecallAt1(_Recall):
    """Recall@1: the proportion of questions whose right passage is ranked first."""

    depth: ClassVar[int] = 1


class RecallAt5(_Recall):
    """Recall@5: the proportion of questions whose right passage is among the first five."""

    depth: ClassVar[int] = 5


class RecallAt20(_Recall):
    """Recall@20: the proportion of questions whose right passage is among the first twenty."""

    depth: ClassVar[int] = 20
