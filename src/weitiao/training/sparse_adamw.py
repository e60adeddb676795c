"""AdamW with sparse (lazy) updates for embedding tables of which an update touches a few rows.

A sparse gradient (rows and their values) is applied to those rows: each row has its own moments and
step count, and the weight decay that it missed is made up when it is next touched. Everything a row
needs to remember is a tensor of the optimizer's state, so checkpoints hold it.
"""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from weitiao.model.net import Net


def make_sparse(net: Net) -> None:
    """Make the gradient of the input embeddings sparse, unless an output layer shares them."""
    table, output = net.embeddings(), net.native.get_output_embeddings()
    shared = output is not None and getattr(output, "weight", None) is getattr(table, "weight", 0)
    if isinstance(table, nn.Embedding) and not (shared or table.scale_grad_by_freq):
        table.sparse = True


class LazyAdamW(torch.optim.AdamW):
    """torch's AdamW; parameters with a sparse gradient are updated only where it has rows."""

    def step(self, closure: Any = None) -> Any:
        assert closure is None
        sparse = [
            (group, param, param.grad)
            for group in self.param_groups
            for param in group["params"]
            if param.grad is not None and param.grad.is_sparse
        ]
        for _, param, _ in sparse:
            param.grad = None  # torch's own step refuses these
        super().step()
        for group, param, gradient in sparse:
            self._update_rows(group, param, gradient.coalesce())
            param.grad = gradient

    @torch.no_grad()
    def _update_rows(self, group: dict[str, Any], param: Tensor, gradient: Tensor) -> None:
        """Update the rows that `gradient` has; it is coalesced, so each comes once.

        With t the number of updates of a row, g its gradient and r the learning rate:

            m = beta1 m + (1 - beta1) g                  v = beta2 v + (1 - beta2) g^2
            w = w prod(1 - r wd) - r m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

        which is AdamW (Loshchilov and Hutter 2019) in a run of just the updates that touch the row.
        The product runs over all updates since the row was last touched, whatever their rates.
        t counts by row: torch's SparseAdam takes the run's count for all, and a word first seen
        late then moves three times too far.
        """
        state, rows, values = self.state[param], gradient.indices()[0], gradient.values()
        if not state:
            state.update(_initial_state(param))
        rate, (beta1, beta2) = group["lr"], group["betas"]
        # The decay of all updates as one sum of logarithms: a row's share is the difference between
        # now and its last update, which needs neither a loop nor the history of rates.
        state["shrunk"] += math.log1p(-rate * group["weight_decay"])
        state["updates"].index_add_(0, rows, torch.ones_like(rows, dtype=torch.float32))
        times = state["updates"][rows, None]
        mean = state["exp_avg"].index_select(0, rows).lerp_(values, 1 - beta1)
        square = state["exp_avg_sq"].index_select(0, rows).mul_(beta2)
        square.addcmul_(values, values, value=1 - beta2)
        missed = (state["shrunk"] - state["shrunk_rows"][rows, None]).exp().to(param.dtype)
        denominator = square.sqrt().div_(_bias_correction(beta2, times).sqrt())
        step = mean.div(denominator.add_(group["eps"])).div_(_bias_correction(beta1, times))
        moved = param.index_select(0, rows).mul_(missed).sub_(step, alpha=rate)
        param.index_copy_(0, rows, moved)
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        state["shrunk_rows"].index_copy_(0, rows, state["shrunk"].expand(len(rows)))


def _bias_correction(beta: float, times: Tensor) -> Tensor:
    """1 - beta ** times. By expm1: for beta near 1 the plain difference loses its digits."""
    return -torch.expm1(times * (math.log(beta) if beta else -math.inf))


def _initial_state(param: Tensor) -> dict[str, Tensor]:
    """Zero moments and counts. shrunk: the sum of log(1 - rate * decay) over all updates;
    shrunk_rows: the same up to the last update of each row."""
    count, device = len(param), param.device
    # Thousands of tiny logarithms are summed, which float32 would round away; MPS has no float64.
    # The counts are exact in float32 up to 2^24 updates of a row.
    exact = torch.float32 if device.type == "mps" else torch.float64
    return {
        "exp_avg": _untouched_zeros(param),
        "exp_avg_sq": _untouched_zeros(param),
        "updates": torch.zeros(count, device=device),
        "shrunk": torch.zeros((), dtype=exact, device=device),
        "shrunk_rows": torch.zeros(count, dtype=exact, device=device),
    }


def _untouched_zeros(param: Tensor) -> Tensor:
    """Zeros like `param`, whose pages take no memory until they are written.

    Most words of a table never come: of multilingual-e5-small's 250,000, which are 384 MB in each
    moment, rows of one set have some thousands.
    """
    size = param.numel() * param.element_size()
    if param.device.type != "cpu" or param.layout != torch.strided or not size:
        return torch.zeros_like(param)
    unix = hasattr(mmap, "MAP_PRIVATE")
    own = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if unix else {}
    pages = mmap.mmap(-1, size, **own)
    with suppress(AttributeError, OSError):  # a page of 2 MB would hold rows that never come
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return torch.frombuffer(pages, dtype=param.dtype).view(param.shape)
