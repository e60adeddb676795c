"""ROC-AUC: how often a row that has the label scores above one that has not."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import Metric, Order, middles, once, ratio
from weitiao.tasks.base import Judged


class RocAuc(Metric):
    """The area under the ROC curve, by the rank sums of Mann and Whitney (Hanley, McNeil, 1982).

    Use it when rows are ranked rather than decided, or before the threshold is chosen. With two
    labels it is the area for the second one; otherwise the plain mean, label against the rest,
    over the labels that are true for some rows and not for all. Without such a label there is
    nothing to rank, hence nan. As scikit-learn's `roc_auc_score(multi_class="ovr")`.
    """

    kinds: ClassVar[tuple[str, ...]] = ("single", "multilabel")
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    of_scores: ClassVar[bool] = True

    def value(self, judged: Judged, weights: np.ndarray | None = None) -> float:
        return float(self.values(judged, once(judged, weights))[0])

    def values(self, judged: Judged, weights: np.ndarray) -> np.ndarray:
        labels = judged.scores.shape[1]
        if judged.kind == "single":
            chosen = [1] if labels == 2 else list(range(labels))
            truths = [judged.targets == label for label in chosen]
        else:
            chosen = list(range(labels))
            truths = [judged.targets[:, label] > 0.5 for label in chosen]
        total, counted = np.zeros(len(weights)), np.zeros(len(weights))
        for label, truth in zip(chosen, truths, strict=True):
            if truth.any() and not truth.all():
                area = _area(judged.scores[:, label], truth, weights)
                total += np.nan_to_num(area)
                counted += ~np.isnan(area)
        return ratio(total, counted, otherwise=np.nan)


def _area(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The area for one label, (samples,); nan where only one of the two sides has weight."""
    order = Order(scores)
    middle = middles(order.sums(weights))
    have = np.flatnonzero(truth)
    positive = weights.take(have, axis=1)
    ranks = np.einsum("sp,sp->s", positive, middle.take(order.group[have], axis=1))
    total = positive.sum(1)
    return ratio(ranks - total**2 / 2, total * (weights.sum(1) - total), otherwise=np.nan)
