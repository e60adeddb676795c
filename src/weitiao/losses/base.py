"""Base class of loss functions: a sum over labels, which the loop divides by the step's count."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from weitiao.parts import Part

if TYPE_CHECKING:
    from torch import Tensor


class Loss(Part):
    """A loss function. Sums (not means) make micro-batches of any size add up to one gradient."""

    @abstractmethod
    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The summed loss, a scalar. logits (rows, outputs), labels (rows,) or (rows, outputs)."""

    @abstractmethod
    def count(self, labels: Tensor) -> Tensor:
        """The divisor that makes the sum a mean: the number of labels, or their summed weights."""
