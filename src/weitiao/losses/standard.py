"""The standard losses: cross-entropy, binary cross-entropy, mean squared error, and spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.losses.base import Loss, weighted_sum

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100  # label of what is not learned from, as in torch's cross_entropy


def known_count(labels: Tensor, weights: Tensor | None) -> Tensor:
    """The number of labels that are not NaN, or their summed weights."""
    known = (~labels.isnan()).float()
    return (
        known.sum() if weights is None else (known.reshape(len(weights), -1).sum(1) * weights).sum()
    )


class CrossEntropy(Loss):
    """Cross-entropy: minus the log-probability of the correct label; the default for single-label
    classification.

    label_smoothing: proportion of the target distributed over all labels (Szegedy et al. 2016);
    helps when labels are noisy. weights: one a label, filled in from `train.class_weights`. Labels
    may be soft, (rows, outputs): the share of each label.
    """

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="proportion of the target distributed over all labels"
    )
    weights: tuple[float, ...] = Field((), description="set by train.class_weights")

    def value(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        from torch.nn.functional import cross_entropy

        soft = labels.is_floating_point()  # (rows, outputs): the share of each label
        losses = cross_entropy(
            logits.flatten(0, -2),
            labels.to(logits.dtype) if soft else labels.flatten(),
            weight=logits.new_tensor(self.weights) if self.weights else None,
            ignore_index=IGNORED,
            reduction="sum" if weights is None else "none",
            label_smoothing=self.label_smoothing,
        )
        return losses if weights is None else weighted_sum(losses, weights)

    def count(self, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        import torch

        if labels.is_floating_point():
            # Of shares the weight of a row is the mean of its labels' weights, as of hard labels.
            by_label = torch.tensor(self.weights or (1.0,) * labels.shape[-1], device=labels.device)
            each = labels.float() @ by_label
            return each.sum() if weights is None else (each * weights).sum()
        known = labels != IGNORED
        if not self.weights and weights is None:
            return labels.new_tensor(int(known.sum())).float()
        each = known[known].float()
        if self.weights:
            # torch's weighted mean divides by the summed weights of the labels, not their number.
            each = torch.tensor(self.weights, device=labels.device)[labels[known]]
        return each.sum() if weights is None else (each * weights[known]).sum()


class BCE(Loss):
    """Binary cross-entropy of each label by itself; the default for multi-label classification.

    weights: what a missed label costs against a false one, one a label (`train.class_weights`).
    """

    weights: tuple[float, ...] = Field((), description="set by train.class_weights")

    def value(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        # NaN marks an unknown label. It is replaced before the loss, since NaN * 0 is NaN.
        known = ~labels.isnan()
        positive = logits.new_tensor(self.weights) if self.weights else None
        losses = binary_cross_entropy_with_logits(
            logits, labels.nan_to_num(), pos_weight=positive, reduction="none"
        )
        losses = losses * known
        return weighted_sum(losses, weights)

    def count(self, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        return known_count(labels, weights)


class MSE(Loss):
    """Mean squared error (MSE); the default for regression. Large errors weigh most."""

    def value(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        known = ~labels.isnan()
        losses = (logits.flatten() - labels.nan_to_num()).pow(2) * known
        return weighted_sum(losses, weights)

    def count(self, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        return known_count(labels, weights)


class Span(Loss):
    """The mean of the cross-entropies of the first and the last token of an answer, each over all
    tokens of its row; the default for passages, as transformers' own heads have it."""

    def value(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """The summed cross-entropy of answer starts and ends, halved.

        logits: (rows, longest, 2), minus infinity for padding; labels: (rows, longest), 1 where the
        answer begins, 2 where it ends, 3 for both, -100 in rows that are not learned from.
        """
        # -(log p_start(first token) + log p_end(last token)) / 2, each softmax over the tokens of a
        # row. In fp32: bf16 has 8 bits, too few for the logarithm of a sum over hundreds of tokens.
        log_probabilities = logits.float().log_softmax(1)
        known = labels > 0
        first, last = known & (labels % 2 == 1), known & (labels > 1)
        starts, ends = log_probabilities[..., 0][first], log_probabilities[..., 1][last]
        if weights is not None:
            starts, ends = starts * weights[first], ends * weights[last]
        return -(starts.sum() + ends.sum()) / 2

    def count(self, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """The rows learned from: as many as answers begin."""
        first = (labels > 0) & (labels % 2 == 1)
        return first.sum().float() if weights is None else weights[first].sum()
