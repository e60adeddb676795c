"""One layer of the BERT layout, forward and backward by hand: x -> norm(h + ffn(h)), where
h = norm(x + attention(x)). Numbers are kept as bf16 or fp32; the weights' gradients are fp32.

Backward needs x and, unless `recompute`, seven tensors more; dropout follows from seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils._pytree import tree_flatten, tree_unflatten

from weitiao.model.fast.casts import Casts
from weitiao.model.fast.kernels import Drop, Norm
from weitiao.model.packed import Packing
from weitiao.model.peft.layers import effective, is_tuner

# The parameters of a layer, in the order in which `Layer.apply` takes them.
NAMES = (
    "query.weight", "query.bias", "key.weight", "key.bias", "value.weight", "value.bias",
    "out.weight", "out.bias", "norm1.weight", "norm1.bias", "up.weight", "up.bias",
    "down.weight", "down.bias", "norm2.weight", "norm2.bias",
)  # fmt: skip

Params = tuple[Any, ...]  # tensors in the order of NAMES; in backward None where none is needed


@dataclass(frozen=True)
class Spec:
    """What a layer is beside its parameters."""

    number: int
    heads: int
    eps: float
    attention_dropout: float
    hidden_dropout: float


@dataclass(frozen=True)
class Call:
    """One pass through one layer."""

    spec: Spec
    kernels: Any
    packing: Packing
    casts: Casts
    seed: int  # of dropout
    training: bool
    first: bool  # only the first token of each row is wanted
    recompute: bool

    def drop(self, place: int) -> Drop:
        """Dropout at a place of the layer: 0 attention, 1 its output, 2 the layer's output."""
        rate = self.spec.hidden_dropout if place else self.spec.attention_dropout
        return Drop(rate if self.training else 0.0, self.seed, 4 * self.spec.number + place + 1)


def forward(call: Call, x: Tensor, params: Params) -> tuple[Tensor, tuple[Any, ...]]:
    """The layer's output, (tokens, width) or (rows, width), and what backward needs."""
    kernels, w, width = call.kernels, call.casts, x.shape[1]
    if call.first:
        at_first = x.index_select(0, call.packing.starts)
        q = linear(at_first, w.qkv[:width], w.qkv_bias[:width])
        kv = linear(x, w.qkv[width:], w.qkv_bias[width:])
        k, v = kv[:, :width], kv[:, width:]
    else:
        at_first = x
        qkv = linear(x, w.qkv, w.qkv_bias)
        q, k, v = qkv[:, :width], qkv[:, width : 2 * width], qkv[:, 2 * width :]
    mixed, attended = kernels.attend(q, k, v, call.packing, call.spec.heads, call.drop(0))
    a = linear(mixed, w.out, w.out_bias)
    norm1, norm2 = _norms(call, params)
    h, kept1 = kernels.add_norm(a, at_first, norm1, call.drop(1))
    raised = linear(h, w.up, w.up_bias)
    bent = kernels.gelu(raised)
    y, kept2 = kernels.add_norm(linear(bent, w.down, w.down_bias), h, norm2, call.drop(2))
    return y, (at_first, q, k, v, mixed, attended, h, kept1, raised, bent, kept2)


def backward(
    call: Call, dy: Tensor, x: Tensor, params: Params, saved: tuple[Any, ...],
    needs: tuple[bool, ...],
) -> tuple[Tensor | None, list[Tensor | None]]:  # fmt: skip
    """Gradients of x (None when `needs[0]` is False) and of the parameters (fp32)."""
    at_first, q, k, v, mixed, attended, h, kept1, raised, bent, kept2 = saved
    kernels, w, width = call.kernels, call.casts, x.shape[1]
    norm1, norm2 = _norms(call, params)
    need = dict(zip(NAMES, needs[1:], strict=True))
    found: dict[str, Tensor | None] = {}

    def product(gradient: Tensor, entered: Tensor, *names: str) -> None:
        """The gradients of weights that lie below one another in one product."""
        if any(need[name] for name in names):
            whole = (gradient.t() @ entered).float()
            found.update(zip(names, whole.chunk(len(names)), strict=True))

    ds, da, sums = kernels.add_norm_back(dy, None, kept2, norm2, call.drop(2))
    found["norm2.weight"], found["norm2.bias"], found["down.bias"] = sums
    product(da, bent, "down.weight")
    draised, found["up.bias"] = kernels.gelu_back(da @ w.down, raised)
    product(draised, h, "up.weight")
    ds, da, sums = kernels.add_norm_back(draised @ w.up, ds, kept1, norm1, call.drop(1))
    found["norm1.weight"], found["norm1.bias"], found["out.bias"] = sums
    product(da, mixed, "out.weight")
    if call.first:
        dq, dkv = torch.empty_like(q), x.new_empty((len(x), 2 * width))
        into = (dq, dkv[:, :width], dkv[:, width:])
    else:
        dqkv = x.new_empty((len(x), 3 * width))
        into = (dqkv[:, :width], dqkv[:, width : 2 * width], dqkv[:, 2 * width :])
    sums = kernels.attend_back(
        da @ w.out, q, k, v, into, attended, call.packing, call.spec.heads, call.drop(0)
    )
    found["query.bias"], found["key.bias"], found["value.bias"] = sums
    if call.first:
        product(dq, at_first, "query.weight")
        product(dkv, x, "key.weight", "value.weight")
    else:
        product(dqkv, x, "query.weight", "key.weight", "value.weight")
    dx = None
    if needs[0]:
        if call.first:
            dx = dkv @ w.qkv[width:]
            dx.index_add_(0, call.packing.starts, ds.addmm_(dq, w.qkv[:width]))
        else:
            dx = ds.addmm_(dqkv, w.qkv)
    return dx, [found.get(name) if need[name] else None for name in NAMES]


def _norms(call: Call, params: Params) -> tuple[Norm, Norm]:
    return (
        Norm(params[8], params[9], call.spec.eps),
        Norm(params[14], params[15], call.spec.eps),
    )


class Layer(torch.autograd.Function):
    """`Layer.apply(call, x, *params)`: the layer as autograd sees it."""

    @staticmethod
    def forward(ctx: Any, call: Call, x: Tensor, *params: Tensor) -> Tensor:
        y, saved = forward(call, x, params)
        # What weights amount to with an adapter is in the copies: backward need not hold it.
        ctx.call, ctx.params = call, tuple(p if p.is_leaf else None for p in params)
        ctx.versions = [p._version for p in ctx.params if p is not None]
        leaves, ctx.shape = tree_flatten(() if call.recompute else saved)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        ctx.others = [None if isinstance(leaf, Tensor) else (leaf,) for leaf in leaves]
        ctx.save_for_backward(x, *tensors)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        call, params = ctx.call, ctx.params
        now = [p._version for p in params if p is not None]
        assert now == ctx.versions, "weights were changed between forward and backward"
        x, *tensors = ctx.saved_tensors
        if call.recompute:
            saved = forward(call, x, params)[1]
        else:
            left = iter(tensors)
            saved = tree_unflatten(
                [next(left) if o is None else o[0] for o in ctx.others], ctx.shape
            )
        needs = tuple(ctx.needs_input_grad[1:])
        dx, gradients = backward(call, dy.contiguous(), x, params, saved, needs)
        return None, dx, *gradients


def modules_params(modules: dict[str, nn.Module]) -> list[Tensor]:
    """The parameters of a layer's modules (query, key, ...) in the order of NAMES; of one with an
    adapter, what the two amount to."""
    found: dict[str, Any] = {}
    for part, module in modules.items():
        pair = effective(module) if is_tuner(module) else (module.weight, module.bias)
        found[f"{part}.weight"], found[f"{part}.bias"] = pair
    return [found[name] for name in NAMES]
