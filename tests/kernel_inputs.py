"""What tests give to own kernels, and the masks of dropout that these make of it."""

import torch

from weitiao.model.fast.kernels import NormParams
from weitiao.model.packed import Packing

EPS = 1e-12


def drawn(*shape, dtype=torch.float32, seed=0):
    """Random numbers that `dtype` can hold, as fp32."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator).to(dtype).float()


def norm_of(width):
    return NormParams(1 + 0.3 * drawn(width, seed=1), drawn(width, seed=2), EPS)


def packing_of(lengths):
    return Packing(torch.tensor(lengths))


def masks_of(own, lengths, heads, depth, drop, first=False):
    """What dropout multiplies the shares by, row by row (heads, queries, keys): equal shares, and
    values that tell one key apart at a time."""
    tokens, width = sum(lengths), heads * depth
    q = torch.zeros(len(lengths) if first else tokens, width, dtype=own.dtype)
    k, packing = torch.zeros(tokens, width, dtype=own.dtype), packing_of(lengths)
    places = torch.cat([torch.arange(n) for n in lengths])
    columns = []
    for start in range(0, max(lengths), depth):
        told = torch.zeros(tokens, heads, depth, dtype=own.dtype)
        here = (places >= start) & (places < start + depth)
        told[here, :, places[here] - start] = 1
        out, _ = own.attend(q, k, told.flatten(1), packing, heads, drop)
        columns.append(out.float().unflatten(1, (heads, depth)))
    found = torch.cat(columns, -1).transpose(0, 1)  # (heads, queries, keys)
    if first:
        return [found[:, i : i + 1, :n] * n for i, n in enumerate(lengths)]
    starts = packing.starts.tolist()
    return [found[:, s : s + n, :n] * n for s, n in zip(starts, lengths, strict=True)]


def dropped(own, tokens, width, drop):
    """What dropout multiplies by: the gradient of the branch beside that of the residual."""
    if not drop.rate:
        return torch.ones(tokens, width)
    norm, zero = norm_of(width), torch.zeros(tokens, width, dtype=own.dtype)
    x = drawn(tokens, width, seed=8).to(own.dtype)
    _, kept = own.add_norm(zero, x, norm, drop)
    ds, da, _ = own.add_norm_back(
        drawn(tokens, width, seed=9).to(own.dtype), None, kept, norm, drop
    )
    assert (ds != 0).all()
    return torch.where(da == 0, 0.0, 1 / (1 - drop.rate))
