"""Fused kernels in PyTorch, for machines without a C++ compiler. See `kernels.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu

from weitiao.model.fast.kernels import Dropout, EmbeddingTables, NormParams, Saved, copy_each
from weitiao.model.packed import Packing

CHUNK_TOKENS = 512  # their fp32 activations fit the second-level cache


def dropout_mask(shape: Sequence[int], dropout: Dropout, dtype: torch.dtype) -> Tensor | None:
    """The dropout mask of ones and zeros, to be multiplied by `scale_of`; None at rate 0.

    Each element compares 16 random bits with the rate in 65536ths: a quarter of the bits that a
    float would take, from numpy's fastest generator.
    """
    if not dropout.rate:
        return None
    count = int(np.prod(shape))
    source = np.random.SFC64([dropout.seed, dropout.stream])
    raw: np.ndarray = source.random_raw((count + 3) // 4).view(np.uint16)[:count]
    ones = (raw >= np.uint16(_threshold(dropout))).view(np.uint8)
    # Three times as fast as torch's conversion of bools; 0x3f80 are the bits of 1 in bf16.
    one = np.float32(1) if dtype == torch.float32 else np.int16(0x3F80)
    return torch.from_numpy(ones * one).view(dtype).view(*shape)


def scale_of(dropout: Dropout) -> float:
    """1 / (1 - rate), which keeps the mean; of the rate as rounded for the mask."""
    return 65536 / (65536 - _threshold(dropout))


def _threshold(dropout: Dropout) -> int:
    return round(dropout.rate * 65536)


class Plain:
    """The kernels for activations in `dtype` (fp32 or bf16)."""

    name = "torch"

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def copy(self, masters: Sequence[Tensor], copies: Sequence[Tensor]) -> None:
        copy_each(masters, copies)

    def embed(
        self,
        ids: Tensor,
        positions: Tensor,
        types: Tensor | None,
        tables: EmbeddingTables,
        dropout: Dropout,
    ) -> tuple[Tensor, Saved]:
        summed = tables.words.index_select(0, ids)
        if tables.types is not None:
            summed += tables.types[0] if types is None else tables.types.index_select(0, types)
        if tables.positions is not None:
            summed += tables.positions.index_select(0, positions)
        out, stats = _layer_norm(summed, tables.norm)
        if (mask := dropout_mask(out.shape, dropout, torch.float32)) is not None:
            out.mul_(mask.mul_(scale_of(dropout)))
        return out.to(self.dtype), (*stats, mask)

    def embed_back(
        self, dy: Tensor, saved: Saved, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Tensor, Tensor]:
        *stats, mask = saved
        return _layer_norm_backward((dy if mask is None else dy * mask).float(), tuple(stats), norm)

    def add_norm(
        self, branch: Tensor, x: Tensor, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Saved]:
        mask = dropout_mask(branch.shape, dropout, branch.dtype)
        summed = (
            x + branch if mask is None else torch.addcmul(x, branch, mask, value=scale_of(dropout))
        )
        out, stats = _layer_norm(summed, norm)
        return out, (*stats, mask)

    def add_norm_back(
        self, dy: Tensor, more: Tensor | None, saved: Saved, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Tensor, Tensor]:
        *stats, mask = saved
        ds, dw, db = _layer_norm_backward(dy if more is None else dy + more, tuple(stats), norm)
        dbranch = ds if mask is None else (ds * mask).mul_(scale_of(dropout))
        return ds, dbranch, torch.stack([dw, db, dbranch.sum(0, dtype=torch.float32)])

    def gelu(self, x: Tensor) -> Tensor:
        return gelu(x)

    def gelu_back(self, dy: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        dx = torch.ops.aten.gelu_backward(dy, x)
        return dx, dx.sum(0, dtype=torch.float32)

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, packing: Packing, heads: int, dropout: Dropout
    ) -> tuple[Tensor, Saved]:
        """softmax(q k^T / sqrt(d)) v, always in fp32: for bf16 oneDNN compiles a program for each
        shape of a product, and rows come in all shapes; that took longer than attention itself.
        """
        out = torch.empty(q.shape, dtype=q.dtype)
        saved = []
        for number, block in enumerate(_blocks(packing, len(q) != len(k))):
            queries, keys = block.queries(q, heads), block.keys(k, heads)
            values = block.keys(v, heads)
            queries *= queries.shape[-1] ** -0.5
            scores = queries @ keys.transpose(-1, -2)
            if block.mask is not None:
                scores.masked_fill_(block.mask, float("-inf"))
            weights = scores.softmax(-1)
            mask = dropout_mask(
                weights.shape, dropout._replace(seed=dropout.seed + number), torch.float32
            )
            if mask is not None:
                values *= scale_of(dropout)  # smaller than the weights, which would be scaled too
            block.write(out, (weights if mask is None else weights * mask) @ values)
            saved.append((block, queries, keys, values, weights, mask))
        return out, (saved,)

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
        # With P the softmax weights, D the dropout mask, s = 1 / (1 - rate) and Q' = Q / sqrt(d):
        #   dV = s (P D)^T dO     dP = D (dO (s V)^T)     dS = P (dP - sum_keys P dP)
        #   dK = dS^T Q'          dQ = dS K / sqrt(d)
        for block, queries, keys, values, weights, mask in saved[0]:
            dout = block.queries(dy, heads)
            dweights = dout @ values.transpose(-1, -2)  # the values are scaled for dropout
            dropped = weights
            if mask is not None:
                dropped, dweights = weights * mask, dweights.mul_(mask)
                dout *= scale_of(dropout)
            block.write_keys(into[2], dropped.transpose(-1, -2) @ dout)
            dscores = torch.ops.aten._softmax_backward_data(dweights, weights, -1, weights.dtype)
            block.write_keys(into[1], dscores.transpose(-1, -2) @ queries)  # scaled queries
            block.write(into[0], (dscores @ keys).mul_(queries.shape[-1] ** -0.5))
        return torch.stack([gradient.sum(0, dtype=torch.float32) for gradient in into])


class _Block:
    """Rows of similar length as one padded grid (rows, longest)."""

    def __init__(self, packing: Packing, first: int, last: int, first_only: bool) -> None:
        lengths, starts = packing.lengths[first:last], packing.starts[first:last]
        longest = int(lengths.max())
        columns = torch.arange(longest)
        real = columns < lengths[:, None]
        self.rows, self.even = last - first, bool(real.all())
        # A cell beyond a row's end reads its last token and is masked out.
        self.grid = (starts[:, None] + torch.minimum(columns, lengths[:, None] - 1)).flatten()
        self.mask = None if self.even else ~real[:, None, None, :]
        self.real = real.flatten().nonzero().squeeze(1)
        self.first_tokens = torch.arange(first, last) if first_only else None

    def _split_heads(self, x: Tensor, index: Tensor, heads: int) -> Tensor:
        """(tokens, heads * d) at `index` -> (rows, heads, longest, d), fp32."""
        selected = x.index_select(0, index).float()
        return selected.view(self.rows, -1, heads, x.shape[1] // heads).transpose(1, 2).contiguous()

    def keys(self, x: Tensor, heads: int) -> Tensor:
        return self._split_heads(x, self.grid, heads)

    def queries(self, x: Tensor, heads: int) -> Tensor:
        if self.first_tokens is not None:
            return self._split_heads(x, self.first_tokens, heads)
        queries = self._split_heads(x, self.grid, heads)
        if self.mask is not None:  # padding queries are zeros, and get no gradient
            queries *= ~self.mask.view(self.rows, 1, -1, 1)
        return queries

    def write(self, out: Tensor, values: Tensor) -> None:
        if self.first_tokens is None:
            return self.write_keys(out, values)
        out[self.first_tokens] = values.transpose(1, 2).reshape(self.rows, -1).to(out.dtype)
        return None

    def write_keys(self, out: Tensor, values: Tensor) -> None:
        flat = values.transpose(1, 2).reshape(-1, values.shape[1] * values.shape[3]).to(out.dtype)
        if self.even:
            start = int(self.grid[0])
            out[start : start + len(flat)] = flat
        else:
            out[self.grid[self.real]] = flat.index_select(0, self.real)


def _blocks(packing: Packing, first_only: bool) -> list[_Block]:
    """Groups of neighbouring rows, cut where padding would exceed a tenth of the tokens."""
    if first_only in packing.blocks:
        return packing.blocks[first_only]
    lengths = packing.lengths.tolist()
    blocks, first, tokens = [], 0, 0
    for row, length in enumerate(lengths):
        longest = max(lengths[first : row + 1])
        if row > first and longest * (row + 1 - first) > 1.1 * (tokens + length):
            blocks.append(_Block(packing, first, row, first_only))
            first, tokens = row, 0
        tokens += length
    blocks.append(_Block(packing, first, len(lengths), first_only))
    packing.blocks[first_only] = blocks
    return blocks


def _layer_norm(summed: Tensor, norm: NormParams) -> tuple[Tensor, Saved]:
    width = (summed.shape[1],)
    out, mean, rstd = torch.native_layer_norm(summed, width, norm.weight, norm.bias, norm.eps)
    return out, (summed, mean, rstd)


def _layer_norm_backward(
    dy: Tensor, saved: Saved, norm: NormParams
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the input, and of weight and bias in fp32, chunk by chunk.

    torch sums bf16 gradients in bf16, whose 8 bits of precision lose small addends; converting all
    tokens to fp32 at once would leave the cache.
    """
    summed, mean, rstd = saved
    width, dx = (dy.shape[1],), torch.empty_like(dy)
    sums = torch.zeros((2, *width))
    for start in range(0, len(dy), CHUNK_TOKENS):
        chunk = slice(start, start + CHUNK_TOKENS)
        dx[chunk], *gradients = torch.ops.aten.native_layer_norm_backward(
            dy[chunk].float(),
            summed[chunk].float(),
            width,
            mean[chunk].float(),
            rstd[chunk].float(),
            norm.weight,
            norm.bias,
            [True] * 3,
        )
        sums += torch.stack(gradients)
    return dx, sums[0], sums[1]
