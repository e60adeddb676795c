"""The gradients of one update as one vector: its length, and cutting it; dense and sparse alike."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from weitiao.model.sharded import local


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
            found.append(local(param.grad))
    return found


def norm(gradients: list[Tensor], in_shards: bool = False) -> float:
    """The L2 norm of all gradients together. Not finite when one of them is not.

    in_shards: each process holds other parts of them, and all must ask.
    """
    length = float(torch.nn.utils.get_total_norm(gradients))
    if not in_shards:
        return length
    squares = torch.tensor([length**2], dtype=torch.float64, device=gradients[0].device)
    torch.distributed.all_reduce(squares)
    return math.sqrt(float(squares))


@torch.no_grad()
def clip(gradients: list[Tensor], length: float, longest: float) -> None:
    """Shorten gradients of `length` in place, so that together they are no longer than `longest`.

    Several processes hold the same averaged gradients by now, or parts of them and the length of
    the whole, so each does the same.
    """
    share = longest / (length + 1e-6)
    if share < 1 and gradients:
        torch._foreach_mul_(gradients, share)
