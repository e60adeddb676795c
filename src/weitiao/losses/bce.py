"""Binary cross-entropy: the cost of any number of labels, each there or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


class BCE(Loss):
    """Each label is a yes-or-no question of its own; the default for several labels a row.

    weights: what a missed label costs against a false one, one a label (`train.class_weights`).
    """

    weights: tuple[float, ...] = Field((), description="set by train.class_weights")

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        known = ~labels.isnan()
        weights = logits.new_tensor(self.weights) if self.weights else None
        costs = binary_cross_entropy_with_logits(
            logits, labels.nan_to_num(), pos_weight=weights, reduction="none"
        )
        return (costs * known).sum()

    def count(self, labels: Tensor) -> Tensor:
        return (~labels.isnan()).sum().float()
