"""Fused forward pass: the base model runs through own kernels when a batch is packed.

`install` replaces the base model's `forward`: packed batches go through the kernels, all others
through transformers' code. Parameters, heads and the saved folder stay transformers' own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from weitiao.model.fast.kernels import Dropout, EmbeddingTables, Kernels, NormParams
from weitiao.model.fast.layer import Layer, LayerCall, WeightCopies, layer_params
from weitiao.model.fast.select import kernels
from weitiao.model.fast.shape import BertModules, bert_modules
from weitiao.model.packed import Packing
from weitiao.model.tuners import is_tuner

DTYPES = {"fp32": torch.float32, "onednn": torch.float32, "bf16": torch.bfloat16}


def can_fuse(native: Any) -> bool:
    """Whether own kernels can run this network: the BERT layout, on a processor."""
    return bert_modules(native.base_model, native.config) is not None


def recompute(native: Any) -> None:
    """Gradient checkpointing: layers save only their input."""
    native.base_model.forward.recompute = True


def install(native: Any, precision: str, first_only: bool) -> str:
    """Run packed batches through own kernels. Returns their name: "torch", or "c++" and a hash.

    precision: "fp32", "onednn" or "bf16", of activations; the parameters stay fp32. first_only:
    the head reads the first token of a row alone, so that the last layer computes only that one.
    """
    base = native.base_model
    modules = bert_modules(base, native.config)
    assert modules is not None, "can_fuse comes first"
    fused = FusedForward(base, modules, DTYPES[precision], first_only)
    base.forward = fused  # an instance attribute hides the method of the class
    return fused.kernels.name


class FusedForward:
    """The base model's `forward`: packed batches through the kernels."""

    def __init__(
        self, base: nn.Module, modules: BertModules, dtype: torch.dtype, first_only: bool
    ) -> None:
        self.base, self.modules, self.dtype = base, modules, dtype
        self.native_forward: Callable[..., Any] = base.forward
        self.first_only, self.recompute = first_only, False
        self.kernels = kernels(dtype)
        self.weights = [WeightCopies(self.kernels) for _ in modules.layers]

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
        # The kernels choose dtypes themselves; autocast would cast the inputs of their products.
        with torch.autocast(device, enabled=False):
            hidden = self._encode(packing, input_ids=input_ids, **settings)
            # (rows, 1, width) where heads read the first token alone, else (1, tokens, width)
            last = hidden[:, None] if self.first_only else hidden[None]
            pooler = getattr(self.base, "pooler", None)
            pooled = None
            if pooler is not None:
                flat = last[0]
                first_tokens = (
                    last if self.first_only else flat.index_select(0, packing.starts)[:, None]
                )
                pooled = pooler(first_tokens)
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
        training, modules = self.base.training, self.modules
        # One draw of the global RNG, whose state checkpoints hold: all masks of the pass follow
        # from it by hashing, so a resumed run repeats them.
        seed = int(torch.randint(2**62, ())) if training else 0
        norm = modules.norm
        types = None if token_type_ids is None else token_type_ids[0]
        # Input embeddings (of adversarial training) are a table of their own: row i for token i.
        embedded = None if inputs_embeds is None else inputs_embeds[0].float().contiguous()
        ids = torch.arange(len(embedded)) if embedded is not None else input_ids[0]  # type: ignore[index]
        words = modules.words.weight if embedded is None else embedded
        dropout = Dropout(modules.dropout if training else 0.0, seed, 0)
        call = EmbedCall(
            self.kernels, ids, position_ids[0], types, dropout, modules.words, norm.eps
        )
        type_table = None if modules.types is None else modules.types.weight
        x = Embed.apply(call, words, modules.positions.weight, type_table, norm.weight, norm.bias)
        tokens, rows, last = len(x), len(packing.lengths), len(modules.layers) - 1
        if filler := filler_rows(tokens, rows, vary=not torch.is_grad_enabled()):
            x = pad(x, (0, 0, 0, sum(filler)))
            packing = Packing(torch.cat([packing.lengths, packing.lengths.new_tensor(filler)]))
        for number, ((spec, parts), weights) in enumerate(
            zip(modules.layers, self.weights, strict=True)
        ):
            params = layer_params(parts)
            weights.refresh(params, derived=any(map(is_tuner, parts.values())))
            first_only = self.first_only and number == last
            layer_call = LayerCall(
                spec, self.kernels, packing, weights, seed, training, first_only, self.recompute
            )
            x = Layer.apply(layer_call, x, *params)
        return x[: rows if self.first_only else tokens].float()


def filler_rows(tokens: int, rows: int, vary: bool) -> list[int]:
    """Lengths of filler rows behind a packed batch, which round its size up; none where it fits.

    oneDNN compiles a program for each shape of a product, which takes a good part of the time of
    the product, and caches a thousand of them. So batches come in few sizes, about 1/32 too large.
    vary: the number of rows, which is the size of the last layer's products, differs from batch to
    batch (in inference, not in training), so it is rounded too.
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


@dataclass(frozen=True)
class EmbedCall:
    """One pass through the embeddings: the arguments that have no gradient."""

    kernels: Kernels
    ids: Tensor
    positions: Tensor
    types: Tensor | None
    dropout: Dropout
    words: nn.Embedding
    eps: float


class Embed(torch.autograd.Function):
    """Embedding layer of BERT: sum of word, position and type embeddings, LayerNorm, dropout.

    The gradient of the word embeddings is sparse where `nn.Embedding.sparse` is set.
    """

    @staticmethod
    def forward(
        ctx: Any,
        call: EmbedCall,
        words: Tensor,
        positions: Tensor,
        types: Tensor | None,
        weight: Tensor,
        bias: Tensor,
    ) -> Tensor:
        norm = NormParams(weight, bias, call.eps)
        tables = EmbeddingTables(words, positions, types, norm)
        out, saved = call.kernels.embed(call.ids, call.positions, call.types, tables, call.dropout)
        ctx.call, ctx.norm = call, norm
        ctx.save_for_backward(*saved)
        ctx.from_vocabulary = words is call.words.weight
        ctx.shapes = (positions.shape, None if types is None else types.shape)
        return out

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        call: EmbedCall = ctx.call
        dsum, dweight, dbias = call.kernels.embed_back(
            dy, ctx.saved_tensors, ctx.norm, call.dropout
        )
        positions_shape, types_shape = ctx.shapes
        _, need_words, need_positions, need_types, *_ = ctx.needs_input_grad
        dwords = dpositions = dtypes = None
        if need_words:
            dwords = _word_gradient(call.words, call.ids, dsum) if ctx.from_vocabulary else dsum
        if need_positions:
            dpositions = dsum.new_zeros(positions_shape).index_add_(0, call.positions, dsum)
        if need_types:
            dtypes = dsum.new_zeros(types_shape)
            if call.types is None:
                dtypes[0] = dsum.sum(0)
            else:
                dtypes.index_add_(0, call.types, dsum)
        return None, dwords, dpositions, dtypes, dweight, dbias


def _word_gradient(table: nn.Embedding, ids: Tensor, dsum: Tensor) -> Tensor:
    """The gradient of the word embeddings, sparse or dense; that of the padding token is zero, as
    in nn.Embedding, also where [PAD] is part of a text."""
    if table.padding_idx is not None and bool((padding := ids == table.padding_idx).any()):
        ids, dsum = ids[~padding], dsum[~padding]
    size = table.weight.shape
    if table.sparse:
        return torch.sparse_coo_tensor(ids[None], dsum, size, check_invariants=False)
    return dsum.new_zeros(size).index_add_(0, ids, dsum)
