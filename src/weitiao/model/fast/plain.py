"""The kernels in PyTorch, for machines without a C++ compiler. See `compiled.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu

from weitiao.model.fast.kernels import Drop, Embedding, Kept, Norm
from weitiao.model.packed import Packing

CUT = 512  # tokens whose fp32 numbers fit the second cache


def keep(shape: Sequence[int], drop: Drop, dtype: torch.dtype) -> Tensor | None:
    """What dropout keeps: 1 or 0, to be scaled by `scale_of`. None when nothing is dropped."""
    if not drop.rate:
        return None
    count = int(np.prod(shape))
    source = np.random.SFC64([drop.seed, drop.stream])
    raw: np.ndarray = source.random_raw((count + 3) // 4).view(np.uint16)[:count]
    kept = (raw >= np.uint16(_threshold(drop))).view(np.uint8)
    # Three times as fast as torch's own way from a bool: 0x3f80 is 1 in bf16.
    made = torch.from_numpy(kept * (np.float32(1) if dtype == torch.float32 else np.int16(0x3F80)))
    return made.view(dtype).view(*shape)


def scale_of(drop: Drop) -> float:
    """What is kept is multiplied by this, so that the mean stays; exact in all arithmetics."""
    return 65536 / (65536 - _threshold(drop))


def _threshold(drop: Drop) -> int:
    return round(drop.rate * 65536)


class Plain:
    """The kernels for numbers kept as `dtype` (fp32 or bf16)."""

    name = "torch"

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def embed(
        self, ids: Tensor, positions: Tensor, types: Tensor | None, table: Embedding, drop: Drop
    ) -> tuple[Tensor, Kept]:
        summed = table.words.index_select(0, ids)
        if table.kinds is not None:
            summed += table.kinds[0] if types is None else table.kinds.index_select(0, types)
        if table.places is not None:
            summed += table.places.index_select(0, positions)
        out, kept = _normalised(summed, table.norm)
        if (mask := keep(out.shape, drop, torch.float32)) is not None:
            out.mul_(mask.mul_(scale_of(drop)))
        return out.to(self.dtype), (*kept, mask)

    def embed_back(
        self, dy: Tensor, kept: Kept, norm: Norm, drop: Drop
    ) -> tuple[Tensor, Tensor, Tensor]:
        *normed, mask = kept
        return _unnormalised((dy if mask is None else dy * mask).float(), tuple(normed), norm)

    def add_norm(self, a: Tensor, x: Tensor, norm: Norm, drop: Drop) -> tuple[Tensor, Kept]:
        mask = keep(a.shape, drop, a.dtype)
        summed = x + a if mask is None else torch.addcmul(x, a, mask, value=scale_of(drop))
        out, kept = _normalised(summed, norm)
        return out, (*kept, mask)

    def add_norm_back(
        self, dy: Tensor, more: Tensor | None, kept: Kept, norm: Norm, drop: Drop
    ) -> tuple[Tensor, Tensor, Tensor]:
        *normed, mask = kept
        ds, dw, db = _unnormalised(dy if more is None else dy + more, tuple(normed), norm)
        da = ds if mask is None else (ds * mask).mul_(scale_of(drop))
        return ds, da, torch.stack([dw, db, da.sum(0, dtype=torch.float32)])

    def gelu(self, x: Tensor) -> Tensor:
        return gelu(x)

    def gelu_back(self, dy: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        dx = torch.ops.aten.gelu_backward(dy, x)
        return dx, dx.sum(0, dtype=torch.float32)

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, packing: Packing, heads: int, drop: Drop
    ) -> tuple[Tensor, Kept]:
        """In fp32: oneDNN, which multiplies bf16, makes a program for each shape of a product,
        and rows come in all shapes; that took longer than all of attention."""
        out = torch.empty(q.shape, dtype=q.dtype)
        kept = []
        for number, block in enumerate(_blocks(packing, len(q) != len(k))):
            queries, keys, values = (
                block.queries(q, heads),
                block.keys(k, heads),
                block.keys(v, heads),
            )
            queries *= queries.shape[-1] ** -0.5
            scores = queries @ keys.transpose(-1, -2)
            if block.mask is not None:
                scores.masked_fill_(block.mask, float("-inf"))
            shares = scores.softmax(-1)
            drawn = drop._replace(seed=drop.seed + number)
            mask = keep(shares.shape, drawn, torch.float32)
            if mask is not None:
                values *= scale_of(drop)
            block.write(out, (shares if mask is None else shares * mask) @ values)
            kept.append((block, queries, keys, values, shares, mask))
        return out, (kept,)

    def attend_back(
        self, grad: Tensor, q: Tensor, k: Tensor, v: Tensor, into: Sequence[Tensor],
        kept: Kept, packing: Packing, heads: int, drop: Drop,
    ) -> Tensor:  # fmt: skip
        for block, queries, keys, values, shares, mask in kept[0]:
            above = block.queries(grad, heads)
            inner = above @ values.transpose(-1, -2)  # the values are scaled for dropout
            used = shares
            if mask is not None:
                used, inner = shares * mask, inner.mul_(mask)
                above *= scale_of(drop)
            block.write_keys(into[2], used.transpose(-1, -2) @ above)
            inner = torch.ops.aten._softmax_backward_data(inner, shares, -1, shares.dtype)
            block.write_keys(into[1], inner.transpose(-1, -2) @ queries)  # scaled queries
            block.write(into[0], (inner @ keys).mul_(queries.shape[-1] ** -0.5))
        return torch.stack([part.sum(0, dtype=torch.float32) for part in into])


class _Block:
    """Rows of similar length as one padded grid (rows, longest)."""

    def __init__(self, packing: Packing, first: int, last: int, only_first: bool) -> None:
        lengths, starts = packing.lengths[first:last], packing.starts[first:last]
        longest = int(lengths.max())
        columns = torch.arange(longest)
        real = columns < lengths[:, None]
        self.rows, self.even = last - first, bool(real.all())
        # A place beyond a row's end reads its last token and is masked out.
        self.grid = (starts[:, None] + torch.minimum(columns, lengths[:, None] - 1)).flatten()
        self.mask = None if self.even else ~real[:, None, None, :]
        self.real = real.flatten().nonzero().squeeze(1)
        self.only = torch.arange(first, last) if only_first else None

    def _heads(self, x: Tensor, where: Tensor, heads: int) -> Tensor:
        picked = x.index_select(0, where).float()
        return picked.view(self.rows, -1, heads, x.shape[1] // heads).transpose(1, 2).contiguous()

    def keys(self, x: Tensor, heads: int) -> Tensor:
        return self._heads(x, self.grid, heads)

    def queries(self, x: Tensor, heads: int) -> Tensor:
        if self.only is not None:
            return self._heads(x, self.only, heads)
        picked = self._heads(x, self.grid, heads)
        if self.mask is not None:  # a query beyond a row's end asks nothing, and gives no gradient
            picked *= ~self.mask.view(self.rows, 1, -1, 1)
        return picked

    def write(self, out: Tensor, values: Tensor) -> None:
        if self.only is None:
            return self.write_keys(out, values)
        out[self.only] = values.transpose(1, 2).reshape(self.rows, -1).to(out.dtype)
        return None

    def write_keys(self, out: Tensor, values: Tensor) -> None:
        flat = values.transpose(1, 2).reshape(-1, values.shape[1] * values.shape[3]).to(out.dtype)
        if self.even:
            start = int(self.grid[0])
            out[start : start + len(flat)] = flat
        else:
            out[self.grid[self.real]] = flat.index_select(0, self.real)


def _blocks(packing: Packing, only_first: bool) -> list[_Block]:
    """Neighbouring rows cut where the padding of a grid would pass a tenth."""
    if only_first in packing.blocks:
        return packing.blocks[only_first]
    lengths = packing.lengths.tolist()
    blocks, first, tokens = [], 0, 0
    for row, length in enumerate(lengths):
        most = max(lengths[first : row + 1])
        if row > first and most * (row + 1 - first) > 1.1 * (tokens + length):
            blocks.append(_Block(packing, first, row, only_first))
            first, tokens = row, 0
        tokens += length
    blocks.append(_Block(packing, first, len(lengths), only_first))
    packing.blocks[only_first] = blocks
    return blocks


def _normalised(summed: Tensor, norm: Norm) -> tuple[Tensor, Kept]:
    width = (summed.shape[1],)
    out, mean, rstd = torch.native_layer_norm(summed, width, norm.weight, norm.bias, norm.eps)
    return out, (summed, mean, rstd)


def _unnormalised(dy: Tensor, kept: Kept, norm: Norm) -> tuple[Tensor, Tensor, Tensor]:
    """In fp32, some tokens at a time: torch adds up bf16 in bf16, which loses half of many."""
    summed, mean, rstd = kept
    width, found = (dy.shape[1],), torch.empty_like(dy)
    sums = torch.zeros((2, *width))
    for start in range(0, len(dy), CUT):
        here = slice(start, start + CUT)
        found[here], *more = torch.ops.aten.native_layer_norm_backward(
            dy[here].float(), summed[here].float(), width, mean[here].float(),
            rstd[here].float(), norm.weight, norm.bias, [True] * 3,
        )  # fmt: skip
        sums += torch.stack(more)
    return found, sums[0], sums[1]
