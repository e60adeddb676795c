"""A native network whose base model runs through own kernels when a batch is packed.

`install` puts one function in front of the base model's own `forward`: packed batches go through
the kernels, all others as before. Parameters, heads and the saved folder stay transformers' own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from weitiao.model.fast.casts import Casts
from weitiao.model.fast.kernels import Drop, Embedding, Norm, kernels
from weitiao.model.fast.layer import Call, Layer, modules_params
from weitiao.model.fast.shape import Shape, shape_of
from weitiao.model.packed import Packing
from weitiao.model.peft.layers import is_tuner

DTYPES = {"fp32": torch.float32, "onednn": torch.float32, "bf16": torch.bfloat16}


def can_fuse(native: Any) -> bool:
    """Whether own kernels can run this network: the BERT layout, on a processor."""
    return shape_of(native.base_model, native.config) is not None


def recompute(native: Any) -> None:
    """Let layers keep only what entered them (gradient checkpointing)."""
    native.base_model.forward.recompute = True


def install(native: Any, precision: str, first_only: bool) -> str:
    """Let packed batches run through own kernels. Returns which: "torch", or "c++" and its hash.

    precision: "fp32", "onednn" or "bf16" arithmetic; the parameters stay fp32. first_only: the
    head reads the first token of a row alone, so the last layer works for that one alone.
    """
    base = native.base_model
    shape = shape_of(base, native.config)
    assert shape is not None, "can_fuse comes first"
    fused = Fused(base, shape, DTYPES[precision], first_only)
    base.forward = fused  # in front of the class's own
    return str(fused.kernels.name)


class Fused:
    """The base model's forward: packed batches through the kernels."""

    def __init__(self, base: nn.Module, shape: Shape, dtype: torch.dtype, first_only: bool) -> None:
        self.base, self.shape, self.dtype = base, shape, dtype
        self.native_forward: Callable[..., Any] = base.forward
        self.first_only, self.recompute = first_only, False
        self.kernels = kernels(dtype)
        self.casts = [Casts(dtype) for _ in shape.layers]

    def __call__(
        self,
        input_ids: Tensor | None = None,
        *args: Any,
        packing: Packing | None = None,
        **settings: Any,
    ) -> Any:
        if packing is None:
            return self.native_forward(input_ids, *args, **settings)
        packing.calls += 1
        device = next(self.base.parameters()).device.type
        with torch.autocast(device, enabled=False):
            hidden = self._encode(packing, input_ids=input_ids, **settings)
            # (rows, 1, width) where heads read the first token alone, else (1, tokens, width)
            last = hidden[:, None] if self.first_only else hidden[None]
            pooler = getattr(self.base, "pooler", None)
            pooled = None
            if pooler is not None:
                firsts = (
                    last if self.first_only else last[0].index_select(0, packing.starts)[:, None]
                )
                pooled = pooler(firsts)
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=last, pooler_output=pooled
        )

    def _encode(
        self,
        packing: Packing,
        position_ids: Tensor,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        training, shape = self.base.training, self.shape
        seed = int(torch.randint(2**62, ())) if training else 0
        e = shape.norm
        types = None if token_type_ids is None else token_type_ids[0]
        given = None if inputs_embeds is None else inputs_embeds[0]
        ids = torch.arange(len(given)) if given is not None else input_ids[0]  # type: ignore[index]
        drop = Drop(shape.dropout if training else 0.0, seed, 0)
        kinds = None if shape.kinds is None else shape.kinds.weight
        x = Embed.apply(
            self.kernels, ids, position_ids[0], types, drop, shape, e.eps,
            shape.words.weight if given is None else given.float().contiguous(),
            shape.places.weight, kinds, e.weight, e.bias,
        )  # fmt: skip
        tokens, rows, last = len(x), len(packing.lengths), len(shape.layers) - 1
        if nothing := filling(tokens, rows, vary=not torch.is_grad_enabled()):
            x = pad(x, (0, 0, 0, sum(nothing)))
            packing = Packing(torch.cat([packing.lengths, packing.lengths.new_tensor(nothing)]))
        for number, ((spec, modules), casts) in enumerate(
            zip(shape.layers, self.casts, strict=True)
        ):
            params = modules_params(modules)
            casts.renew(params, derived=any(map(is_tuner, modules.values())))
            call = Call(
                spec, self.kernels, packing, casts, seed, training,
                self.first_only and number == last, self.recompute,
            )  # fmt: skip
            x = Layer.apply(call, x, *params)
        return x[: rows if self.first_only else tokens].float()


def filling(tokens: int, rows: int, vary: bool) -> list[int]:
    """The lengths of rows of nothing that go behind a packed batch; none where it fits.

    oneDNN makes a program for each shape of a product, which takes a good part of the time of the
    product, and keeps a thousand of them. So large batches come in few sizes, by a 32nd or so too
    large. vary: the number of rows, which are what the last layer ends with, differs from batch to
    batch (in judging and answering, not in training), so it comes in few sizes too.
    """
    more, step = -tokens % _step(tokens), _step(tokens)
    count = -rows % _step(rows) if vary else 0
    if not (more or count):
        return []
    count = count or (_step(rows) if vary else 1)
    while more < count:  # each row has a token at least
        more += step
    return [1] * (count - 1) + [more - count + 1]


def _step(size: int) -> int:
    return max(8, 1 << max(size // 32, 1).bit_length() - 1)


class Embed(torch.autograd.Function):
    """Word + place + kind, normalised, with dropout. The words' gradient is sparse where the
    embedding asks for it (only rows that occur are touched)."""

    @staticmethod
    def forward(
        ctx: Any, own: Any, ids: Tensor, positions: Tensor, types: Tensor | None, drop: Drop,
        shape: Shape, eps: float, words: Tensor, places: Tensor, kinds: Tensor | None,
        weight: Tensor, bias: Tensor,
    ) -> Tensor:  # fmt: skip
        norm = Norm(weight, bias, eps)
        out, kept = own.embed(ids, positions, types, Embedding(words, places, kinds, norm), drop)
        ctx.own, ctx.drop, ctx.norm, ctx.shape = own, drop, norm, shape
        ctx.save_for_backward(*kept)
        ctx.given = words is not shape.words.weight
        ctx.places = (ids, positions, types)
        ctx.sizes = (places.shape, None if kinds is None else kinds.shape)
        return out

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        ids, positions, types = ctx.places
        ds, dw, db = ctx.own.embed_back(dy, ctx.saved_tensors, ctx.norm, ctx.drop)
        places, kinds = ctx.sizes
        need = ctx.needs_input_grad
        d_words = d_places = d_kinds = None
        if need[7] and ctx.given:
            d_words = ds
        elif need[7]:
            d_words = _of_words(ctx.shape.words, ids, ds)
        if need[8]:
            d_places = ds.new_zeros(places).index_add_(0, positions, ds)
        if need[9]:
            d_kinds = ds.new_zeros(kinds)
            if types is None:
                d_kinds[0] = ds.sum(0)
            else:
                d_kinds.index_add_(0, types, ds)
        return *(None,) * 7, d_words, d_places, d_kinds, dw, db


def _of_words(table: nn.Embedding, ids: Tensor, ds: Tensor) -> Tensor:
    """The gradient of the word vectors, as `table` wants it. The padding piece, which may stand in
    a text, has none."""
    if table.padding_idx is not None and bool((padding := ids == table.padding_idx).any()):
        ids, ds = ids[~padding], ds[~padding]
    size = table.weight.shape
    if table.sparse:
        return torch.sparse_coo_tensor(ids[None], ds, size, check_invariants=False)
    return ds.new_zeros(size).index_add_(0, ids, ds)
