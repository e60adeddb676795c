"""The gradients of one update as one vector: its length, and cutting it; dense and sparse alike."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def values(params: Iterable[nn.Parameter]) -> list[Tensor]:
    """The numbers of each gradient. A sparse one gets each of its rows once first, for good:
    the length of a sum is not the sum of lengths."""
    found = []
    for param in params:
        if param.grad is None:
            continue
        if param.grad.is_sparse:
            param.grad = param.grad.coalesce()
            found.append(param.grad.values())
        else:
            found.append(param.grad)
    return found


def norm(gradients: list[Tensor]) -> float:
    """The L2 norm of all gradients together. Not finite when one of them is not."""
    return float(torch.nn.utils.get_total_norm(gradients))


@torch.no_grad()
def clip(gradients: list[Tensor], length: float, longest: float) -> None:
    """Shorten gradients of `length` in place, so that together they are no longer than `longest`.

    Several processes hold the same averaged gradients by now, so each does the same.
    """
    share = longest / (length + 1e-6)
    if share < 1 and gradients:
        torch._foreach_mul_(gradients, share)
