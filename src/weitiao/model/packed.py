"""Packed (variable-length) attention: rows end to end without padding.

It is registered with transformers' attention interface, and one function serves both layouts. In a
packed batch, known by the lengths of its rows, it attends within each row only; in a padded one it
is transformers' own `sdpa`. Families outside FAMILIES do not pass the lengths on and would attend
across rows, so they are never packed, and `Net` asserts after every packed pass that this function
was really called.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import MODEL_MAPPING, AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION_NAME = "weitiao"  # in transformers' registry of attention functions

# Family -> the module whose output the native pooler or head reads (token 0, or the mean).
FAMILIES = {
    "bert": "encoder",
    "roberta": "encoder",
    "xlm-roberta": "encoder",
    "camembert": "encoder",
    "electra": "encoder",
    "distilbert": "transformer",
    "ernie": "encoder",
    "albert": "encoder",
    "modernbert": "",  # the base model itself
}


class Packing:
    """Row boundaries of a packed (variable-length) batch, read by every layer.

    Created once a forward pass, so that masks and indices are computed once and not in each layer.
    """

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths  # (rows,)
        self.starts = lengths.cumsum(0) - lengths  # (rows,) first token of each row
        self.blocks: dict[bool, Any] = {}  # cache of the kernels in PyTorch
        self.calls = 0  # of the attention function, which `Net` checks
        self._windows: dict[int, Tensor] = {}

    @cached_property
    def longest(self) -> int:
        return int(self.lengths.max())

    @cached_property
    def _real(self) -> Tensor:
        columns = torch.arange(self.longest, device=self.lengths.device)
        return columns[None, :] < self.lengths[:, None]  # (rows, longest)

    @cached_property
    def mask(self) -> Tensor:
        """(rows, 1, 1, longest): True where a token is."""
        return self._real[:, None, None, :]

    def window_mask(self, window: int) -> Tensor:
        """(rows, 1, longest, longest): True for tokens fewer than `window` positions apart.

        Padding queries attend to all tokens: a softmax over nothing would be NaN, and its gradient
        would reach the keys.
        """
        if window not in self._windows:
            columns = torch.arange(self.longest, device=self.lengths.device)
            in_window = (columns[:, None] - columns[None, :]).abs() < window
            self._windows[window] = self.mask & (in_window | ~self._real[:, None, :, None])
        return self._windows[window]

    @cached_property
    def grid_index(self) -> Tensor:
        """(tokens,) index of each token in the padded grid (rows * longest)."""
        return self._real.flatten().nonzero().squeeze(1)

    @cached_property
    def token_index(self) -> Tensor:
        """(rows * longest,) the token in each cell of the grid (padding: one past the last)."""
        columns = torch.arange(self.longest, device=self.lengths.device)
        total = self.starts[-1] + self.lengths[-1]
        grid = self.starts[:, None] + columns[None, :]
        return torch.where(self._real, grid, total).flatten()

    def to_grid(self, values: Tensor) -> Tensor:
        """(1, heads, tokens, width) -> (rows, heads, longest, width), zeros in padding."""
        heads, _, width = values.shape[1:]
        # One row of zeros behind the last token is what padding cells of `token_index` read.
        flat = pad(values[0].transpose(0, 1).reshape(-1, heads * width), (0, 0, 0, 1))
        grid = flat.index_select(0, self.token_index).view(-1, self.longest, heads, width)
        return grid.transpose(1, 2)

    def from_grid(self, values: Tensor) -> Tensor:
        """(rows, heads, longest, width) -> (1, tokens, heads, width)."""
        _, heads, _, width = values.shape
        flat = values.transpose(1, 2).reshape(-1, heads * width)
        return flat.index_select(0, self.grid_index).view(1, -1, heads, width)


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Variable-length attention behind transformers' attention interface.

    Packed rows are padded for attention alone, a small part of the work, so that one call of
    scaled_dot_product_attention serves all of them. query, key, value: (1, heads, tokens, width);
    returns (1, tokens, heads, width).
    """
    packing: Packing | None = settings.pop("packing", None)
    if packing is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
        return output, None
    packing.calls += 1
    window = settings.get("sliding_window")  # in layers of local attention (ModernBERT)
    output = scaled_dot_product_attention(
        packing.to_grid(query),
        packing.to_grid(key),
        packing.to_grid(value),
        attn_mask=packing.window_mask(window) if window else packing.mask,
        dropout_p=settings.get("dropout", 0.0) if module.training else 0.0,
        scale=settings.get("scaling"),
    )
    return packing.from_grid(output), None


def _attention_mask(
    *args: Any, attention_mask: Tensor | None = None, **settings: Any
) -> Tensor | None:
    if attention_mask is None:  # packed: `attention` masks by the lengths
        return None
    mask: Tensor | None = sdpa_mask(*args, attention_mask=attention_mask, **settings)
    return mask


AttentionInterface.register(ATTENTION_NAME, attention)
AttentionMaskInterface.register(ATTENTION_NAME, _attention_mask)


def family(config: Any) -> str:
    """The family's name as transformers spells it, e.g. "bert"."""
    return str(config.model_type)


def can_pack(config: Any) -> bool:
    """Whether this family runs packed: listed, bidirectional, and with the attention interface
    (modernbert has it in newer versions of transformers)."""
    causal = getattr(config, "is_decoder", False)
    plain = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    listed = family(config) in FAMILIES and plain and not causal
    network = MODEL_MAPPING.get(type(config), None)
    # Other networks compute attention in code of their own, which would not see row boundaries.
    return listed and bool(getattr(network, "_supports_attention_backend", False))


def enable_packing(native: Any, *, pooled: bool = True) -> None:
    """Let a network of a listed family accept packed batches; padded ones run as before.

    pooled: its native head reads one vector a row (the first token's, or the mean).
    """
    native.set_attn_implementation(ATTENTION_NAME)
    if not pooled:
        return
    inner = native.base_model.get_submodule(FAMILIES[family(native.config)])
    mean = getattr(native.config, "classifier_pooling", "cls") == "mean"
    inner.register_forward_hook(
        partial(_pool_rows, _row_means if mean else _first_tokens), with_kwargs=True
    )


def _pool_rows(
    pick: Callable[[Packing, Tensor], Tensor],
    module: nn.Module,
    args: Any,
    settings: Any,
    output: Any,
) -> Any:
    """Forward hook: replace packed hidden states by rows of one token, their pooled vector.

    Native poolers and heads read token 0 of each row, or the mean of all its tokens.
    """
    packing: Packing | None = settings.get("packing")
    if packing is None:
        return output
    return type(output)(last_hidden_state=pick(packing, output[0][0])[:, None])


def _first_tokens(packing: Packing, hidden: Tensor) -> Tensor:
    """(tokens, width) -> (rows, width)."""
    return hidden.index_select(0, packing.starts)


def _row_means(packing: Packing, hidden: Tensor) -> Tensor:
    """(tokens, width) -> (rows, width)."""
    rows = torch.arange(len(packing.lengths), device=hidden.device)
    row_ids = torch.repeat_interleave(rows, packing.lengths)
    sums = hidden.new_zeros(len(rows), hidden.shape[1]).index_add(0, row_ids, hidden)
    return sums / packing.lengths[:, None]
