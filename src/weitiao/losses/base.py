"""A loss says what wrong scores cost, as a sum: the loop divides it by the whole update's count."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from weitiao.parts import Part

if TYPE_CHECKING:
    from torch import Tensor


class Loss(Part):
    """Scores against labels. Sums (not means) make micro-batches of any size add up exactly."""

    @abstractmethod
    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The summed cost, a scalar. logits (rows, outputs), labels (rows,) or (rows, outputs)."""

    @abstractmethod
    def count(self, labels: Tensor) -> Tensor:
        """What the sum is divided by to become a mean: the labels learned from, or their weight."""
