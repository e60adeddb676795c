"""Interface of the fused kernels, and their arguments. See `compiled.py` and `plain.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from weitiao.model.packed import Packing

# A forward and its backward kernel: what the first saves, only the second of the same
# implementation can read.
GROUPS = {
    "attention": ("attend", "attend_back"),
    "add_norm": ("add_norm", "add_norm_back"),
    "gelu": ("gelu", "gelu_back"),
    "embed": ("embed", "embed_back"),
}

Saved = tuple[Any, ...]  # the activations that a kernel's backward needs of its forward


class NormParams(NamedTuple):
    """A LayerNorm: weight and bias (width,) in fp32."""

    weight: Tensor
    bias: Tensor
    eps: float


class EmbeddingTables(NamedTuple):
    """Embeddings of words (vocabulary, width), positions and token types, and their LayerNorm, in
    fp32; None where a family has none."""

    words: Tensor
    positions: Tensor | None
    types: Tensor | None
    norm: NormParams


class Dropout(NamedTuple):
    """Dropout at one place of the network. The mask is a function of (seed, stream): compiled
    kernels do not store it, backward computes it again."""

    rate: float = 0.0
    seed: int = 0
    stream: int = 0


def copy_each(masters: Sequence[Tensor], copies: Sequence[Tensor]) -> None:
    """Copy tensor by tensor, with a cast where dtypes differ."""
    for copy, master in zip(copies, masters, strict=True):
        copy.copy_(master)


class Kernels(Protocol):
    """Forward and backward functions for activations in `dtype` (fp32 or bf16).

    Activations are (tokens, width) of a packed batch. d<name> is a gradient; gradients of biases
    and of LayerNorm come in fp32, summed over tokens.
    """

    dtype: torch.dtype
    name: str

    def copy(self, masters: Sequence[Tensor], copies: Sequence[Tensor]) -> None:
        """Write each of `masters` into the one of `copies` at its place, of its shape, with a cast
        to nearest where the dtypes differ. Versions of the copies need not be counted up."""

    def embed(
        self,
        ids: Tensor,
        positions: Tensor,
        types: Tensor | None,
        tables: EmbeddingTables,
        dropout: Dropout,
    ) -> tuple[Tensor, Saved]:
        """dropout(norm(words[ids] + positions[positions] + types[types])), ids (tokens,)."""

    def embed_back(
        self, dy: Tensor, saved: Saved, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of the summed embeddings (fp32), and of the norm's weight and bias."""

    def add_norm(
        self, branch: Tensor, x: Tensor, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Saved]:
        """Residual connection and LayerNorm: norm(x + dropout(branch))."""

    def add_norm_back(
        self, dy: Tensor, more: Tensor | None, saved: Saved, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of x and branch, and (3, width): of weight and bias, and the branch's bias.

        more: a second gradient of the output, which is added to dy.
        """

    def gelu(self, x: Tensor) -> Tensor:
        """x Phi(x), with Phi of the standard normal distribution (the exact GELU)."""

    def gelu_back(self, dy: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of x, which may overwrite dy, and its sum over tokens."""

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, packing: Packing, heads: int, dropout: Dropout
    ) -> tuple[Tensor, Saved]:
        """Variable-length attention: dropout(softmax(q k^T / sqrt(d))) v within each row.

        q, k, v: (tokens, heads * d); q may be of the first token of each row alone, (rows, heads *
        d). Returns the context, shaped as q.
        """

    def attend_back(
        self,
        dy: Tensor,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        into: Sequence[Tensor],
        saved: Saved,
        packing: Packing,
        heads: int,
        dropout: Dropout,
    ) -> Tensor:
        """Write dq, dk, dv into `into`, and return their sums over tokens, (3, width)."""
