"""AdamW for tables of vectors of which an update touches a few rows only.

A gradient that is sparse (rows and their values) is applied to those rows: their moments and their
number of updates are their own, and the decay that a row missed is made up when it is touched.
Everything a row needs to remember is a tensor of the optimizer's state, so checkpoints hold it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from weitiao.model.net import Net


def make_sparse(net: Net) -> None:
    """Let the gradient of the word vectors be sparse, unless an output layer shares them."""
    table, output = net.embeddings(), net.native.get_output_embeddings()
    shared = output is not None and getattr(output, "weight", None) is getattr(table, "weight", 0)
    if isinstance(table, nn.Embedding) and not (shared or table.scale_grad_by_freq):
        table.sparse = True


class TouchedAdamW(torch.optim.AdamW):
    """torch's AdamW; parameters with a sparse gradient are updated where it has rows."""

    def step(self, closure: Any = None) -> Any:
        assert closure is None
        apart = [
            (group, param, param.grad)
            for group in self.param_groups
            for param in group["params"]
            if param.grad is not None and param.grad.is_sparse
        ]
        for _, param, _ in apart:
            param.grad = None  # torch's own step refuses these
        super().step()
        for group, param, gradient in apart:
            self._touch(group, param, gradient.coalesce())
            param.grad = gradient

    @torch.no_grad()
    def _touch(self, group: dict[str, Any], param: Tensor, gradient: Tensor) -> None:
        """Update the rows that `gradient` has; it is coalesced, so each comes once."""
        state, rows, slope = self.state[param], gradient.indices()[0], gradient.values()
        if not state:
            state.update(_nothing_yet(param))
        rate, (keep, keep_square) = group["lr"], group["betas"]
        state["shrunk"] += math.log1p(-rate * group["weight_decay"])
        state["updates"].index_add_(0, rows, torch.ones_like(rows, dtype=torch.float32))
        times = state["updates"][rows, None]
        mean = state["exp_avg"].index_select(0, rows).lerp_(slope, 1 - keep)
        square = state["exp_avg_sq"].index_select(0, rows).mul_(keep_square)
        square.addcmul_(slope, slope, value=1 - keep_square)
        missed = (state["shrunk"] - state["shrunk_rows"][rows, None]).exp().to(param.dtype)
        spread = square.sqrt().div_(_share_seen(keep_square, times).sqrt())
        step = mean.div(spread.add_(group["eps"])).div_(_share_seen(keep, times))
        moved = param.index_select(0, rows).mul_(missed).sub_(step, alpha=rate)
        param.index_copy_(0, rows, moved)
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        state["shrunk_rows"].index_copy_(0, rows, state["shrunk"].expand(len(rows)))


def _share_seen(keep: float, times: Tensor) -> Tensor:
    """1 - keep ** times, precise for a `keep` near 1: how much of a moment is gradients by now."""
    return -torch.expm1(times * (math.log(keep) if keep else -math.inf))


def _nothing_yet(param: Tensor) -> dict[str, Tensor]:
    """shrunk: the sum of log(1 - rate * decay) over all updates, and over those made up by row."""
    count, device = len(param), param.device
    exact = torch.float32 if device.type == "mps" else torch.float64  # it has no more
    return {
        "exp_avg": torch.zeros_like(param),
        "exp_avg_sq": torch.zeros_like(param),
        "updates": torch.zeros(count, device=device),
        "shrunk": torch.zeros((), dtype=exact, device=device),
        "shrunk_rows": torch.zeros(count, dtype=exact, device=device),
    }
