"""Attention of short rows in bf16 on a processor, for networks that write.

torch's kernel for processors is made for long rows: forward and backward of 20 tokens take it as
long as those of 256. Up to SHORT tokens plain matrix products are two to six times as fast there,
and so they are for the one token of a row that is written at a time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION_NAME = "weitiao_short"
SHORT = 128  # tokens of a row


def attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **more: Any
) -> tuple[Tensor, None]:
    """scaled_dot_product_attention behind transformers' interface, by products where that is
    faster. query, key, value: (rows, heads, longest, width)."""
    slow = query.device.type == "cpu" and query.dtype == torch.bfloat16
    one_or_learns = query.requires_grad or query.shape[2] == 1
    if not (slow and one_or_learns and max(query.shape[2], key.shape[2]) <= SHORT):
        output, _ = sdpa_attention_forward(module, query, key, value, mask, **more)
        return output, None
    with sdpa_kernel([SDPBackend.MATH]):
        output, _ = sdpa_attention_forward(module, query, key, value, mask, **more)
    return output, None


AttentionInterface.register(ATTENTION_NAME, attention)
AttentionMaskInterface.register(ATTENTION_NAME, sdpa_mask)


def install(native: Any) -> None:
    """Let a network choose by length, where its family calls attention by transformers' interface
    (T5 computes its own)."""
    if getattr(native.config, "_attn_implementation", None) == "sdpa":
        native.set_attn_implementation(ATTENTION_NAME)
