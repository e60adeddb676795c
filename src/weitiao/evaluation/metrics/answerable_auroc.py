"""Whether questions with an answer score above those without one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, Order, middles, once, ratio
from weitiao.tasks.base import MARGIN, Judged


class AnswerableAuroc(Metric):
    """How likely a question that has an answer scores above one that has none: 0.5 is chance, 1
    parts them wholly. Whatever threshold is chosen for "no answer", it can be no better than this.

    The score is the best passage's, less that of "no answer". Unknown where all questions have an
    answer, or none has.
    """

    kinds: ClassVar[tuple[str, ...]] = ("spans",)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    of_scores: ClassVar[bool] = True

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        has = np.array([bool(golds) for golds in judged.targets], float)
        order = Order(judged.counts[:, MARGIN])
        yes, no = order.sums(weights * has), order.sums(weights * (1 - has))
        pairs = yes.sum(1) * no.sum(1)
        return ratio((yes * middles(no)).sum(1), pairs, float("nan"))
