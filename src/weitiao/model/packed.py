"""Rows end to end with no padding, through transformers' own attention interface.

One attention function serves both layouts. In a packed batch (rows known by their lengths) it
attends inside each row only; in a padded one it is transformers' own `sdpa`. Families outside
FAMILIES do not pass the lengths on and would attend across rows, so they are never packed, and
`Net` asserts after every packed pass that this function was really called.
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

NAME = "weitiao"

# Family -> the module whose output the native pooler or head reads the first token (or mean) of.
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
    """Where the rows of a packed batch lie: made once a pass, read by every layer."""

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths  # (rows,)
        self.starts = lengths.cumsum(0) - lengths  # (rows,) first token of each row
        self.calls = 0
        self.blocks: dict[bool, Any] = {}  # what the kernels in PyTorch keep
        self._near: dict[int, Tensor] = {}

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

    def near(self, window: int) -> Tensor:
        """(rows, 1, longest, longest): True for tokens fewer than `window` places apart.

        Places beyond a row's end ask all tokens: what sees nothing would have no shares.
        """
        if window not in self._near:
            columns = torch.arange(self.longest, device=self.lengths.device)
            close = (columns[:, None] - columns[None, :]).abs() < window
            self._near[window] = self.mask & (close | ~self._real[:, None, :, None])
        return self._near[window]

    @cached_property
    def slots(self) -> Tensor:
        """(tokens,) place of each token in the (rows * longest) grid."""
        return self._real.flatten().nonzero().squeeze(1)

    @cached_property
    def tokens(self) -> Tensor:
        """(rows * longest,) the token in each slot (padding: one past the last)."""
        columns = torch.arange(self.longest, device=self.lengths.device)
        total = self.starts[-1] + self.lengths[-1]
        grid = self.starts[:, None] + columns[None, :]
        return torch.where(self._real, grid, total).flatten()

    def rows(self, values: Tensor) -> Tensor:
        """(1, heads, tokens, width) -> (rows, heads, longest, width), zeros where nothing is."""
        heads, _, width = values.shape[1:]
        flat = pad(values[0].transpose(0, 1).reshape(-1, heads * width), (0, 0, 0, 1))
        grid = flat.index_select(0, self.tokens).view(-1, self.longest, heads, width)
        return grid.transpose(1, 2)

    def tokens_of(self, values: Tensor) -> Tensor:
        """(rows, heads, longest, width) -> (1, tokens, heads, width)."""
        _, heads, _, width = values.shape
        flat = values.transpose(1, 2).reshape(-1, heads * width)
        return flat.index_select(0, self.slots).view(1, -1, heads, width)


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls: packed rows apart, else its own sdpa."""
    packing: Packing | None = settings.pop("packing", None)
    if packing is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
        return output, None
    packing.calls += 1
    window = settings.get("sliding_window")  # in layers that see neighbours alone
    output = scaled_dot_product_attention(
        packing.rows(query),
        packing.rows(key),
        packing.rows(value),
        attn_mask=packing.near(window) if window else packing.mask,
        dropout_p=settings.get("dropout", 0.0) if module.training else 0.0,
        scale=settings.get("scaling"),
    )
    return packing.tokens_of(output), None


def _mask(*args: Any, attention_mask: Tensor | None = None, **settings: Any) -> Tensor | None:
    if attention_mask is None:  # packed: the lengths say all
        return None
    mask: Tensor | None = sdpa_mask(*args, attention_mask=attention_mask, **settings)
    return mask


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, _mask)


def family(config: Any) -> str:
    """The family's name as transformers spells it, e.g. "bert"."""
    return str(config.model_type)


def can_pack(config: Any) -> bool:
    """Whether this family runs packed: in the list, attending both ways, through the interface
    (modernbert does in newer versions of transformers)."""
    causal = getattr(config, "is_decoder", False)
    plain = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    listed = family(config) in FAMILIES and plain and not causal
    made = MODEL_MAPPING.get(type(config), None)
    return listed and bool(getattr(made, "_supports_attention_backend", False))


def prepare(native: Any, *, firsts: bool = True) -> None:
    """Let a network of a listed family take packed batches (padded ones stay as they were).

    firsts: its head reads one vector a row (the first token's, or the mean), not all tokens.
    """
    native.set_attn_implementation(NAME)
    if not firsts:
        return
    inner = native.base_model.get_submodule(FAMILIES[family(native.config)])
    mean = getattr(native.config, "classifier_pooling", "cls") == "mean"
    inner.register_forward_hook(partial(_one_a_row, _means if mean else _firsts), with_kwargs=True)


def _one_a_row(
    pick: Callable[[Packing, Tensor], Tensor],
    module: nn.Module,
    args: Any,
    settings: Any,
    output: Any,
) -> Any:
    """Give native poolers and heads, which read token 0 of a row or the mean of all, rows of one
    token: that."""
    packing: Packing | None = settings.get("packing")
    if packing is None:
        return output
    return type(output)(last_hidden_state=pick(packing, output[0][0])[:, None])


def _firsts(packing: Packing, hidden: Tensor) -> Tensor:
    """(tokens, width) -> (rows, width)."""
    return hidden.index_select(0, packing.starts)


def _means(packing: Packing, hidden: Tensor) -> Tensor:
    """(tokens, width) -> (rows, width)."""
    rows = torch.arange(len(packing.lengths), device=hidden.device)
    owner = torch.repeat_interleave(rows, packing.lengths)
    sums = hidden.new_zeros(len(rows), hidden.shape[1]).index_add(0, owner, hidden)
    return sums / packing.lengths[:, None]
