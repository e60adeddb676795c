"""Metrics of labels, one or several a row: accuracy, F1 in four averages, MCC, ROC-AUC."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, Order, label_counts, middles, ratio
from weitiao.labels.hierarchy import levels_of
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels


class Accuracy(ArrayMetric):
    """The share of right rows; with several labels a row is right when its whole set is.

    Use it when labels are about equally frequent and mistakes cost the same; with rare labels
    look at `macro_f1` or `mcc` beside it. As scikit-learn's `accuracy_score`.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ judged.right().astype(float) / weights.sum(1)

    def proportion(self, answers: type[Answers]) -> bool:
        return True


class MacroF1(ArrayMetric):
    """The mean over labels of F1 = 2 right / (given + true) (van Rijsbergen, 1979).

    Use it when rare labels matter as much as frequent ones. The mean is taken over the labels
    that occur in the truth or in the answers, as scikit-learn's `f1_score(average="macro")` does
    for single labels; without any such label it is 0.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, given, true = label_counts(judged, weights)
        scores = ratio(2 * right, given + true)
        return ratio(scores.sum(1), ((given + true) > 0).sum(1).astype(float))


class MicroF1(ArrayMetric):
    """2 right / (given + true), counted over all rows and labels at once.

    Use it for rows with several labels, where frequent labels should weigh more and half-right
    sets should count half (`accuracy` wants the whole set). As scikit-learn's
    `f1_score(average="micro")`; 0 when no label was true and none given.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, given, true = label_counts(judged, weights)
        return ratio(2 * right.sum(1), given.sum(1) + true.sum(1))

    def proportion(self, answers: type[Answers]) -> bool:
        return issubclass(answers, Labels)


class WeightedF1(ArrayMetric):
    """The mean over labels of F1, weighted by how often the label is true.

    Use it to compare with published figures that use it; for rare labels prefer `macro_f1`.
    As scikit-learn's `f1_score(average="weighted")`; 0 when no label is true.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        right, given, true = label_counts(judged, weights)
        scores = ratio(2 * right, given + true)
        return ratio((scores * true).sum(1), true.sum(1))


class Mcc(ArrayMetric):
    """The correlation between true and given labels (Matthews, 1975; Gorodkin, 2004).

    Use it when labels are unevenly frequent and one number must not be flattered by the most
    frequent one: always giving that label is worth 0. As scikit-learn's `matthews_corrcoef`.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels,)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1)[:, None]
        right, given, true = (count / total for count in label_counts(judged, weights))
        together = right.sum(1) - (given * true).sum(1)
        # Shares are rounded, so "constant" is "no spread but rounding". A constant correlates with
        # nothing: 0, the same as guessing, so that a collapsed model is seen to be worthless.
        spreads = np.array([1 - (share**2).sum(1) for share in (given, true)])
        spread = np.where((spreads > 1e-12).all(0), np.prod(np.maximum(spreads, 0), axis=0), 0.0)
        return np.clip(ratio(together, np.sqrt(spread)), -1.0, 1.0)


class RocAuc(ArrayMetric):
    """The area under the ROC curve, by the rank sums of Mann and Whitney (Hanley, McNeil, 1982).

    Use it when rows are ranked rather than decided, or before the threshold is chosen. With two
    labels it is the area for the second one; otherwise the plain mean, label against the rest,
    over the labels that are true for some rows and not for all. Without such a label there is
    nothing to rank, hence nan. As scikit-learn's `roc_auc_score(multi_class="ovr")`.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    of_scores: ClassVar[bool] = True

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        labels = judged.scores.shape[1]
        # Of two labels of which one is true, both have the same area.
        chosen = [1] if isinstance(judged, Labels) and labels == 2 else list(range(labels))
        truths = [judged.has_label(label) for label in chosen]
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


class HierarchicalF1(ArrayMetric):
    """F1 over the labels and everything above them, the root apart (Kiritchenko et al., 2005): of
    truth a/b and answer a/c, one of two is right. Of flat labels it is the accuracy.

    Use it when labels are paths and a near mistake is better than a far one.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, judged: Answers, weights: np.ndarray) -> np.ndarray:
        if not judged.separator:
            right = (judged.targets == judged.values).astype(float)
            return weights @ right / weights.sum(1)
        both, sizes = np.zeros(len(judged.targets)), np.zeros(len(judged.targets))
        for level in levels_of(judged.labels, judged.separator):
            true, given = level.deep[judged.targets], level.deep[judged.values]
            same = level.of[judged.targets] == level.of[judged.values]
            both += true & given & same
            sizes += true.astype(int) + given
        return ratio(2 * (weights @ both), weights @ sizes)
