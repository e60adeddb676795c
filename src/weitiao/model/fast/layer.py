"""Transformer encoder layer of BERT, forward and backward by hand: x -> norm(h + ffn(h)), where
h = norm(x + attention(x)). Activations are bf16 or fp32; gradients of weights are fp32.

Backward needs x and, unless `recompute`, seven more activations; dropout masks follow from seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils._pytree import tree_flatten, tree_unflatten

from weitiao.model.fast.kernels import Dropout, Kernels, NormParams
from weitiao.model.packed import Packing
from weitiao.model.tuners import effective, is_tuner

# The parameters of a layer, in the order in which `Layer.apply` takes them.
NAMES = tuple(
    f"{module}.{kind}"
    for module in ("query", "key", "value", "out", "norm1", "up", "down", "norm2")
    for kind in ("weight", "bias")
)

Params = tuple[Any, ...]  # tensors in the order of NAMES; in backward None where none is needed


class WeightCopies:
    """The weights of one layer as its matrix products read them: query, key and value joined into
    one matrix, and in bf16 where that is the precision.

    The fp32 parameters stay the master weights. A copy is refreshed when its parameter has changed
    (by an optimizer step, an average, loading), which its version counter tells, or has become
    another tensor.
    """

    def __init__(self, kernels: Kernels) -> None:
        self.dtype, self._copy = kernels.dtype, kernels.copy
        self._versions: list[tuple[int, int]] = []  # (address, version) of each parameter
        self.qkv = self.qkv_bias = self.out = self.out_bias = torch.empty(0)
        self.up = self.up_bias = self.down = self.down_bias = torch.empty(0)

    def refresh(self, params: Sequence[Tensor], derived: bool) -> None:
        """Bring the copies up to date with the layer's parameters, in the order of NAMES.

        derived: the parameters were computed for this call by an adapter. They have no meaningful
        version, and may lie where others lay before.
        """
        versions = [(p.data_ptr(), p._version) for p in params]
        if versions == self._versions and not derived:
            return
        masters = [p.detach() for p in params]
        # Made in inference mode, a copy could not be read in a later training step.
        with torch.inference_mode(False), torch.no_grad():
            if self._must_allocate(versions, derived):
                self._allocate(masters)
            copies = [*self.qkv.chunk(3), *self.qkv_bias.chunk(3)]
            copied = [*masters[0:6:2], *masters[1:6:2]]
            if self.dtype != masters[0].dtype:
                copies += self._unjoined()
                copied += _unjoined(masters)
            self._copy(copied, copies)
        self._versions = versions

    def _must_allocate(self, versions: list[tuple[int, int]], derived: bool) -> bool:
        """Whether the copies cannot be written into the tensors of before.

        In fp32 the parameters themselves serve as `out`, `up`, `down`: of derived ones these are
        new tensors at each call. In bf16 all copies are our own and are overwritten.
        """
        if derived and self._versions and self.dtype == torch.bfloat16:
            return False
        return derived or [at for at, _ in versions] != [at for at, _ in self._versions]

    def _allocate(self, masters: list[Tensor]) -> None:
        q = masters[0]
        self.qkv = q.new_empty((3 * q.shape[0], q.shape[1]), dtype=self.dtype)
        self.qkv_bias = q.new_empty(3 * q.shape[0], dtype=self.dtype)
        shared = self.dtype == q.dtype
        copies = [
            p if shared else torch.empty_like(p, dtype=self.dtype) for p in _unjoined(masters)
        ]
        self.out, self.out_bias, self.up, self.up_bias, self.down, self.down_bias = copies

    def _unjoined(self) -> tuple[Tensor, ...]:
        return (self.out, self.out_bias, self.up, self.up_bias, self.down, self.down_bias)


def _unjoined(params: list[Tensor]) -> list[Tensor]:
    """Weights and biases of out, up and down."""
    return [params[i] for i in (6, 7, 10, 11, 12, 13)]


@dataclass(frozen=True)
class LayerSpec:
    """Hyperparameters of a layer."""

    number: int
    heads: int
    eps: float
    attention_dropout: float
    hidden_dropout: float


@dataclass(frozen=True)
class LayerCall:
    """One forward pass through one layer."""

    spec: LayerSpec
    kernels: Kernels
    packing: Packing
    weights: WeightCopies
    seed: int  # of dropout
    training: bool
    first_only: bool  # only the first token of each row is needed
    recompute: bool

    def dropout(self, place: int) -> Dropout:
        """Dropout at a place of the layer: 0 attention, 1 its output, 2 the layer's output."""
        rate = self.spec.hidden_dropout if place else self.spec.attention_dropout
        # Stream 0 is that of the embeddings; 4 * number + 1, ... those of the layers.
        return Dropout(rate if self.training else 0.0, self.seed, 4 * self.spec.number + place + 1)


def forward(call: LayerCall, x: Tensor, params: Params) -> tuple[Tensor, tuple[Any, ...]]:
    """The layer's output, (tokens, width) or (rows, width), and the tensors saved for backward."""
    kernels, w, width = call.kernels, call.weights, x.shape[1]
    if call.first_only:
        # Queries of the first tokens alone: all later products have one line a row.
        residual = x.index_select(0, call.packing.starts)
        q = linear(residual, w.qkv[:width], w.qkv_bias[:width])
        kv = linear(x, w.qkv[width:], w.qkv_bias[width:])
        k, v = kv[:, :width], kv[:, width:]
    else:
        residual = x
        qkv = linear(x, w.qkv, w.qkv_bias)
        q, k, v = qkv[:, :width], qkv[:, width : 2 * width], qkv[:, 2 * width :]
    context, attention_saved = kernels.attend(
        q, k, v, call.packing, call.spec.heads, call.dropout(0)
    )
    projected = linear(context, w.out, w.out_bias)
    norm1, norm2 = _norms(call, params)
    h, norm1_saved = kernels.add_norm(projected, residual, norm1, call.dropout(1))
    up = linear(h, w.up, w.up_bias)
    activated = kernels.gelu(up)
    down = linear(activated, w.down, w.down_bias)
    y, norm2_saved = kernels.add_norm(down, h, norm2, call.dropout(2))
    attention_part = (residual, q, k, v, context, attention_saved)
    return y, (*attention_part, h, norm1_saved, up, activated, norm2_saved)


def backward(
    call: LayerCall,
    dy: Tensor,
    x: Tensor,
    params: Params,
    saved: tuple[Any, ...],
    needs: tuple[bool, ...],
) -> tuple[Tensor | None, list[Tensor | None]]:
    """Gradients of x (None when `needs[0]` is False) and of the parameters (fp32).

    d<name> is the gradient of the loss with respect to <name>. Biases get the sums of gradients
    over tokens, which the kernels add up on the way.
    """
    residual, q, k, v, context, attention_saved, h, norm1_saved, up, activated, norm2_saved = saved
    kernels, w, width = call.kernels, call.weights, x.shape[1]
    norm1, norm2 = _norms(call, params)
    need = dict(zip(NAMES, needs[1:], strict=True))
    gradients: dict[str, Tensor | None] = {}

    def weight_gradients(doutput: Tensor, inputs: Tensor, *names: str) -> None:
        """doutput^T inputs, for weights that are joined along the outputs of one product."""
        # y = x W^T has dW = dy^T x: one large product for query, key and value together.
        if any(need[name] for name in names):
            joined = (doutput.t() @ inputs).float()
            gradients.update(zip(names, joined.chunk(len(names)), strict=True))

    dresidual, ddown, sums = kernels.add_norm_back(dy, None, norm2_saved, norm2, call.dropout(2))
    gradients["norm2.weight"], gradients["norm2.bias"], gradients["down.bias"] = sums
    weight_gradients(ddown, activated, "down.weight")
    dup, gradients["up.bias"] = kernels.gelu_back(ddown @ w.down, up)
    weight_gradients(dup, h, "up.weight")
    dresidual, dprojected, sums = kernels.add_norm_back(
        dup @ w.up, dresidual, norm1_saved, norm1, call.dropout(1)
    )
    gradients["norm1.weight"], gradients["norm1.bias"], gradients["out.bias"] = sums
    weight_gradients(dprojected, context, "out.weight")
    if call.first_only:
        dq, dkv = torch.empty_like(q), x.new_empty((len(x), 2 * width))
        into = (dq, dkv[:, :width], dkv[:, width:])
    else:
        dqkv = x.new_empty((len(x), 3 * width))
        into = (dqkv[:, :width], dqkv[:, width : 2 * width], dqkv[:, 2 * width :])
    dcontext, dropout = dprojected @ w.out, call.dropout(0)
    sums = kernels.attend_back(
        dcontext, q, k, v, into, attention_saved, call.packing, call.spec.heads, dropout
    )
    gradients["query.bias"], gradients["key.bias"], gradients["value.bias"] = sums
    if call.first_only:
        weight_gradients(dq, residual, "query.weight")
        weight_gradients(dkv, x, "key.weight", "value.weight")
    else:
        weight_gradients(dqkv, x, "query.weight", "key.weight", "value.weight")
    # dx = dresidual + dq Wq + dk Wk + dv Wv, added into dresidual, which nothing else needs. With
    # `first_only` dq and dresidual have one line a row, which belongs to the row's first token.
    dx = None
    if needs[0]:
        if call.first_only:
            dx = dkv @ w.qkv[width:]
            dx.index_add_(0, call.packing.starts, dresidual.addmm_(dq, w.qkv[:width]))
        else:
            dx = dresidual.addmm_(dqkv, w.qkv)
    return dx, [gradients.get(name) if need[name] else None for name in NAMES]


def _norms(call: LayerCall, params: Params) -> tuple[NormParams, NormParams]:
    return (
        NormParams(params[8], params[9], call.spec.eps),
        NormParams(params[14], params[15], call.spec.eps),
    )


class Layer(torch.autograd.Function):
    """`Layer.apply(call, x, *params)`: the layer as autograd sees it."""

    @staticmethod
    def forward(ctx: Any, call: LayerCall, x: Tensor, *params: Tensor) -> Tensor:
        y, saved = forward(call, x, params)
        # Weights that an adapter computes are in the copies: backward need not hold them.
        ctx.call, ctx.params = call, tuple(p if p.is_leaf else None for p in params)
        ctx.versions = [p._version for p in ctx.params if p is not None]
        # Only tensors go through save_for_backward, which detects changes in place and lets
        # autograd free them; the structure around them is stored separately.
        leaves, ctx.structure = tree_flatten(() if call.recompute else saved)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        ctx.constants = [None if isinstance(leaf, Tensor) else (leaf,) for leaf in leaves]
        ctx.save_for_backward(x, *tensors)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        call, params = ctx.call, ctx.params
        versions = [p._version for p in params if p is not None]
        assert versions == ctx.versions, "weights were changed between forward and backward"
        x, *tensors = ctx.saved_tensors
        if call.recompute:
            saved = forward(call, x, params)[1]
        else:
            remaining = iter(tensors)
            leaves = [next(remaining) if c is None else c[0] for c in ctx.constants]
            saved = tree_unflatten(leaves, ctx.structure)
        needs = tuple(ctx.needs_input_grad[1:])
        dx, gradients = backward(call, dy.contiguous(), x, params, saved, needs)
        return None, dx, *gradients


def layer_params(modules: dict[str, nn.Module]) -> list[Tensor]:
    """The parameters of a layer's modules (query, key, ...) in the order of NAMES; with an adapter
    the weights that it amounts to."""
    params: dict[str, Any] = {}
    for name, module in modules.items():
        pair = effective(module) if is_tuner(module) else (module.weight, module.bias)
        params[f"{name}.weight"], params[f"{name}.bias"] = pair
    return [params[name] for name in NAMES]
