"""Metrics of labels, one or several a row: accuracy, F1 in four averages, MCC, ROC-AUC."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, Order, label_counts, mid_ranks, ratio
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

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ answers.right().astype(float) / weights.sum(1)

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

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = label_counts(answers, weights)
        scores = ratio(2 * correct, predicted + gold)
        return ratio(scores.sum(1), ((predicted + gold) > 0).sum(1).astype(float))


class MicroF1(ArrayMetric):
    """2 right / (given + true), counted over all rows and labels at once.

    Use it for rows with several labels, where frequent labels should weigh more and half-right
    sets should count half (`accuracy` wants the whole set). As scikit-learn's
    `f1_score(average="micro")`; 0 when no label was true and none given.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = label_counts(answers, weights)
        return ratio(2 * correct.sum(1), predicted.sum(1) + gold.sum(1))

    def proportion(self, answers: type[Answers]) -> bool:
        return issubclass(answers, Labels)


class WeightedF1(ArrayMetric):
    """The mean over labels of F1, weighted by how often the label is true.

    Use it to compare with published figures that use it; for rare labels prefer `macro_f1`.
    As scikit-learn's `f1_score(average="weighted")`; 0 when no label is true.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = label_counts(answers, weights)
        scores = ratio(2 * correct, predicted + gold)
        return ratio((scores * gold).sum(1), gold.sum(1))


class Mcc(ArrayMetric):
    """The correlation between true and given labels (Matthews, 1975; Gorodkin, 2004).

    Use it when labels are unevenly frequent and one number must not be flattered by the most
    frequent one: always giving that label is worth 0. As scikit-learn's `matthews_corrcoef`.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels,)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1)[:, None]
        correct, predicted, gold = (count / total for count in label_counts(answers, weights))
        covariance = correct.sum(1) - (predicted * gold).sum(1)
        # Shares are rounded, so "constant" is "no spread but rounding". A constant correlates with
        # nothing: 0, the same as guessing, so that a collapsed model is seen to be worthless.
        variances = np.array([1 - (proportion**2).sum(1) for proportion in (predicted, gold)])
        variance = np.where(
            (variances > 1e-12).all(0), np.prod(np.maximum(variances, 0), axis=0), 0.0
        )
        return np.clip(ratio(covariance, np.sqrt(variance)), -1.0, 1.0)


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

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        labels = answers.scores.shape[1]
        # Of two labels of which one is true, both have the same area.
        chosen = [1] if isinstance(answers, Labels) and labels == 2 else list(range(labels))
        gold = [answers.has_label(label) for label in chosen]
        total, counted = np.zeros(len(weights)), np.zeros(len(weights))
        for label, is_gold in zip(chosen, gold, strict=True):
            if is_gold.any() and not is_gold.all():
                area = _area(answers.scores[:, label], is_gold, weights)
                total += np.nan_to_num(area)
                counted += ~np.isnan(area)
        return ratio(total, counted, otherwise=np.nan)


def _area(scores: np.ndarray, is_gold: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The area for one label, (samples,); nan where only one of the two sides has weight."""
    order = Order(scores)
    ranks_of_group = mid_ranks(order.sums(weights))
    positives = np.flatnonzero(is_gold)
    positive = weights.take(positives, axis=1)
    ranks = np.einsum("sp,sp->s", positive, ranks_of_group.take(order.group[positives], axis=1))
    total = positive.sum(1)
    return ratio(ranks - total**2 / 2, total * (weights.sum(1) - total), otherwise=np.nan)


class HierarchicalF1(ArrayMetric):
    """F1 over the labels and everything above them, the root apart (Kiritchenko et al., 2005): of
    truth a/b and answer a/c, one of two is right. Of flat labels it is the accuracy.

    Use it when labels are paths and a near mistake is better than a far one.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        if not answers.separator:
            right = (answers.targets == answers.values).astype(float)
            return weights @ right / weights.sum(1)
        both, sizes = np.zeros(len(answers.targets)), np.zeros(len(answers.targets))
        for level in levels_of(answers.labels, answers.separator):
            gold, predicted = level.deep[answers.targets], level.deep[answers.values]
            same = level.of[answers.targets] == level.of[answers.values]
            both += gold & predicted & same
            sizes += gold.astype(int) + predicted
        return ratio(2 * (weights @ both), weights @ sizes)
