"""The standard losses: cross-entropy, binary cross-entropy, mean squared error, and spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100  # label of what is not learned from, as in torch's cross_entropy


class CrossEntropy(Loss):
    """Cross-entropy: minus the log-probability of the correct label; the default for single-label
    classification.

    label_smoothing: proportion of the target distributed over all labels (Szegedy et al. 2016);
    helps when labels are noisy. weights: one a label, filled in from `train.class_weights`.
    """

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="proportion of the target distributed over all labels"
    )
    weights: tuple[float, ...] = Field((), description="set by train.class_weights")

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(
            logits.flatten(0, -2),
            labels.flatten(),
            weight=logits.new_tensor(self.weights) if self.weights else None,
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )

    def count(self, labels: Tensor) -> Tensor:
        known = labels[labels != IGNORED]
        if not self.weights:
            return labels.new_tensor(known.numel()).float()
        import torch

        # torch's weighted mean divides by the summed weights of the labels, not by their number.
        return torch.tensor(self.weights, device=labels.device)[known].sum()


class BCE(Loss):
    """Binary cross-entropy of each label by itself; the default for multi-label classification.

    weights: what a missed label costs against a false one, one a label (`train.class_weights`).
    """

    weights: tuple[float, ...] = Field((), description="set by train.class_weights")

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        # NaN marks an unknown label. It is replaced before the loss, since NaN * 0 is NaN.
        known = ~labels.isnan()
        weights = logits.new_tensor(self.weights) if self.weights else None
        losses = binary_cross_entropy_with_logits(
            logits, labels.nan_to_num(), pos_weight=weights, reduction="none"
        )
        return (losses * known).sum()

    def count(self, labels: Tensor) -> Tensor:
        return (~labels.isnan()).sum().float()


class MSE(Loss):
    """Mean squared error (MSE); the default for regression. Large errors weigh most."""

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        known = ~labels.isnan()
        return ((logits.flatten() - labels.nan_to_num()).pow(2) * known).sum()

    def count(self, labels: Tensor) -> Tensor:
        return (~labels.isnan()).sum().float()


class Span(Loss):
    """The mean of the cross-entropies of the first and the last token of an answer, each over all
    tokens of its row; the default for passages, as transformers' own heads have it."""

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The summed cross-entropy of answer starts and ends, halved.

        logits: (rows, longest, 2), minus infinity for padding; labels: (rows, longest), 1 where the
        answer begins, 2 where it ends, 3 for both, -100 in rows that are not learned from.
        """
        # -(log p_start(first token) + log p_end(last token)) / 2, each softmax over the tokens of a
        # row. In fp32: bf16 has 8 bits, too few for the logarithm of a sum over hundreds of tokens.
        log_probabilities = logits.float().log_softmax(1)
        known = labels > 0
        starts = log_probabilities[..., 0][known & (labels % 2 == 1)]
        ends = log_probabilities[..., 1][known & (labels > 1)]
        return -(starts.sum() + ends.sum()) / 2

    def count(self, labels: Tensor) -> Tensor:
        """The rows learned from: as many as answers begin."""
        return ((labels > 0) & (labels % 2 == 1)).sum().float()
