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
    def value(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """The summed loss, a scalar. logits (rows, outputs), labels (rows,) or (rows, outputs).

        weights: (rows,), or of tokens as the labels are: how much each counts; None: all alike. It
        is given only where rows have weights.
        """

    @abstractmethod
    def count(self, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """The divisor that makes the sum a mean: the number of labels, or their summed weights."""


def symmetric_kl(first: Tensor, second: Tensor, weights: Tensor | None = None) -> Tensor:
    """Symmetric Kullback-Leibler divergence of two softmax outputs, (KL(p||q) + KL(q||p)) / 2.

    weights: of the rows or tokens.
    """
    from torch.nn.functional import kl_div

    log_p, log_q = first.float().log_softmax(-1), second.float().log_softmax(-1)
    if weights is not None:
        return weighted_sum((log_p.exp() - log_q.exp()) * (log_p - log_q), weights) / 2
    forward = kl_div(log_p, log_q, log_target=True, reduction="sum")
    return (forward + kl_div(log_q, log_p, log_target=True, reduction="sum")) / 2


def weighted_sum(values: Tensor, weights: Tensor | None) -> Tensor:
    """The sum of values (rows, ...), each row times its weight; a row of weight 0 is not there,
    even if its values are not finite."""
    if weights is None:
        return values.sum()
    flat = weights.flatten().to(values.dtype)
    rows = values.reshape(len(flat), -1).sum(1)
    return (rows.masked_fill(flat == 0, 0.0) * flat).sum()
