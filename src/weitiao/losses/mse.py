"""Mean squared error: the cost of a number that is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weitiao.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


class MSE(Loss):
    """The squared distance; the default for regression. Large mistakes weigh most."""

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        known = ~labels.isnan()
        return ((logits.flatten() - labels.nan_to_num()).pow(2) * known).sum()

    def count(self, labels: Tensor) -> Tensor:
        return (~labels.isnan()).sum().float()
