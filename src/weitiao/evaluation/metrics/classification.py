"""Classification metrics: accuracy; micro, macro, weighted and hierarchical F1; MCC; ROC-AUC."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, Order, label_counts, mid_ranks, ratio
from weitiao.labels.hierarchy import levels_of
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels


class Accuracy(ArrayMetric):
    """Accuracy: the proportion of correct rows; with several labels a row is correct if all are.

    Use it when labels are about equally frequent and mistakes cost the same; with rare labels
    look at `macro_f1` or `mcc` too. As scikit-learn's `accuracy_score`.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ answers.right().astype(float) / weights.sum(1)

    def proportion(self, answers: type[Answers]) -> bool:
        return True


class MacroF1(ArrayMetric):
    """Macro F1: the mean over labels of 2 TP / (2 TP + FP + FN) (van Rijsbergen, 1979).

    Use it when rare labels matter as much as frequent ones. The mean is over the labels that
    occur in the gold labels or in the predictions, as scikit-learn's `f1_score(average="macro")`
    does for single labels; without any such label it is 0.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = label_counts(answers, weights)
        scores = ratio(2 * correct, predicted + gold)
        return ratio(scores.sum(1), ((predicted + gold) > 0).sum(1).astype(float))


class MicroF1(ArrayMetric):
    """Micro F1: 2 TP / (2 TP + FP + FN), counted over all rows and labels.

    Use it for rows with several labels, where frequent labels should weigh more and partly correct
    sets should count partly (`accuracy` wants the whole set). As scikit-learn's
    `f1_score(average="micro")`; 0 without any gold or predicted label.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = label_counts(answers, weights)
        return ratio(2 * correct.sum(1), predicted.sum(1) + gold.sum(1))

    def proportion(self, answers: type[Answers]) -> bool:
        return issubclass(answers, Labels)


class WeightedF1(ArrayMetric):
    """Weighted F1: the mean over labels of F1, weighted by the support of the label.

    Use it to compare with published figures that use it; for rare labels prefer `macro_f1`.
    As scikit-learn's `f1_score(average="weighted")`; 0 without any gold label.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels, LabelSets)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        correct, predicted, gold = label_counts(answers, weights)
        scores = ratio(2 * correct, predicted + gold)
        return ratio((scores * gold).sum(1), gold.sum(1))


class Mcc(ArrayMetric):
    """Matthews correlation coefficient of gold and predicted labels (1975; Gorodkin, 2004).

    Use it when labels are unevenly frequent and one number must not be flattered by the most
    frequent one: always giving that label is worth 0. As scikit-learn's `matthews_corrcoef`.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Labels,)
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1)[:, None]
        correct, predicted, gold = (count / total for count in label_counts(answers, weights))
        covariance = correct.sum(1) - (predicted * gold).sum(1)
        # Gorodkin's R_K = cov(gold, pred) / sqrt(cov(gold, gold) cov(pred, pred)), in proportions.
        # Their rounding error must not pass for a variance. A constant has correlation 0, the same
        # as guessing, so that a collapsed model is the worst, not undefined.
        variances = np.array([1 - (proportion**2).sum(1) for proportion in (predicted, gold)])
        variance = np.where(
            (variances > 1e-12).all(0), np.prod(np.maximum(variances, 0), axis=0), 0.0
        )
        return np.clip(ratio(covariance, np.sqrt(variance)), -1.0, 1.0)


class RocAuc(ArrayMetric):
    """ROC-AUC, the area under the ROC curve, by Mann-Whitney rank sums (Hanley, McNeil, 1982).

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
        # In binary classification both labels have the same area.
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
    """The area for one label, (samples,): AUC = (R - P^2 / 2) / (P N), with R the sum of mid ranks
    (less 1/2) of the positives, P and N the weights of positives and negatives. nan without one."""
    order = Order(scores)
    ranks_of_group = mid_ranks(order.sums(weights))
    positives = np.flatnonzero(is_gold)
    positive = weights.take(positives, axis=1)
    ranks = np.einsum("sp,sp->s", positive, ranks_of_group.take(order.group[positives], axis=1))
    total = positive.sum(1)
    return ratio(ranks - total**2 / 2, total * (weights.sum(1) - total), otherwise=np.nan)


class HierarchicalF1(ArrayMetric):
    """Hierarchical F1: F1 over the labels and their ancestors without the root (Kiritchenko et al.,
    2005): of gold a/b and prediction a/c, one of two is correct. Of flat labels the accuracy.

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
