"""The kernels in C++ as functions on tensors. See `plain.py` for the same in PyTorch."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weitiao.model.fast.kernels import Drop, Embedding, Kept, Norm
from weitiao.model.packed import Packing

P, N, L, F, U = (
    ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float, ctypes.c_uint64,
)  # fmt: skip
KINDS: dict[str, Sequence[Any]] = {
    "embed": (P, P, P, P, P, P, P, P, F, F, U, L, N, P, P, P, N),
    "embed_back": (P, P, P, P, F, U, L, N, P, P, P, N),
    "add_norm": (P, P, P, P, F, F, U, U, L, N, P, P, P, N),
    "add_norm_back": (P, P, P, P, P, F, U, U, L, N, P, P, P, N),
    "gelu": (P, L, P, N),
    "gelu_back": (P, P, L, N, P, N),
    "attend": (P, L, P, P, L, P, L, P, P, P, N, N, N, F, N, F, U, U, N),
    "attend_back": (P, L, P, P, L, P, P, L, P, P, P, N, N, N, F, N, F, U, U, P, P, P, P, N),
}
NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}


def at(tensor: Tensor | None) -> int | None:
    """Where a tensor's numbers lie."""
    return None if tensor is None else tensor.data_ptr()


def _check(ids: Tensor | None, table: Tensor | None) -> None:
    """The kernels read where they are told to, so nothing may point outside."""
    if ids is None or table is None or not len(ids):
        return
    least, most = torch.aminmax(ids)
    if least < 0 or most >= len(table):
        raise IndexError(f"{int(least)} to {int(most)} in a table of {len(table)}")


class Compiled:
    """The kernels of a compiled library, for numbers kept as `dtype` (fp32 or bf16)."""

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        self.dtype, self.name = dtype, f"c++ {Path(library._name).stem[:8]}"
        self._run: dict[str, Any] = {}
        for kernel, kinds in KINDS.items():
            function = getattr(library, f"{kernel}_{NAMES[dtype]}")
            function.argtypes, function.restype = kinds, None
            self._run[kernel] = function

    def __deepcopy__(self, memo: Any) -> Compiled:
        return self  # nothing here changes, and pointers to functions cannot be copied

    def embed(
        self, ids: Tensor, positions: Tensor, types: Tensor | None, table: Embedding, drop: Drop
    ) -> tuple[Tensor, Kept]:
        tokens, width = len(ids), table.words.shape[1]
        _check(ids, table.words)
        _check(positions, table.places)
        _check(types, table.kinds)
        summed = ids.new_empty((tokens, width), dtype=self.dtype)
        stats = ids.new_empty((tokens, 2), dtype=torch.float32)
        out = torch.empty_like(summed)
        self._run["embed"](
            at(ids), at(positions), at(types), at(table.words), at(table.places), at(table.kinds),
            at(table.norm.weight), at(table.norm.bias), table.norm.eps, drop.rate, drop.seed,
            tokens, width, at(summed), at(stats), at(out), torch.get_num_threads(),
        )  # fmt: skip
        return out, (summed, stats)

    def embed_back(
        self, dy: Tensor, kept: Kept, norm: Norm, drop: Drop
    ) -> tuple[Tensor, Tensor, Tensor]:
        summed, stats = kept
        tokens, width = summed.shape
        dy = dy.contiguous()
        ds = dy.new_empty((tokens, width), dtype=torch.float32)
        sums = ds.new_empty((2, width))
        self._run["embed_back"](
            at(dy), at(summed), at(stats), at(norm.weight), drop.rate, drop.seed,
            tokens, width, at(ds), at(sums[0]), at(sums[1]), torch.get_num_threads(),
        )  # fmt: skip
        return ds, sums[0], sums[1]

    def add_norm(self, a: Tensor, x: Tensor, norm: Norm, drop: Drop) -> tuple[Tensor, Kept]:
        tokens, width = x.shape
        keep = not torch.is_inference_mode_enabled()
        summed = torch.empty_like(x) if keep else None
        stats = x.new_empty((tokens, 2), dtype=torch.float32)
        out = torch.empty_like(x)
        self._run["add_norm"](
            at(a), at(x), at(norm.weight), at(norm.bias), norm.eps, drop.rate, drop.seed,
            drop.stream, tokens, width, at(summed), at(stats), at(out), torch.get_num_threads(),
        )  # fmt: skip
        return out, (summed, stats)

    def add_norm_back(
        self, dy: Tensor, more: Tensor | None, kept: Kept, norm: Norm, drop: Drop
    ) -> tuple[Tensor, Tensor, Tensor]:
        summed, stats = kept
        tokens, width = summed.shape
        ds = torch.empty_like(summed)
        da = torch.empty_like(summed) if drop.rate else ds
        sums = stats.new_empty((3, width))
        self._run["add_norm_back"](
            at(dy), at(more), at(summed), at(stats), at(norm.weight), drop.rate, drop.seed,
            drop.stream, tokens, width, at(ds), at(da), at(sums), torch.get_num_threads(),
        )  # fmt: skip
        return ds, da, sums

    def gelu(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        self._run["gelu"](at(x), x.numel(), at(out), torch.get_num_threads())
        return out

    def gelu_back(self, dy: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        sums = dy.new_empty(x.shape[1], dtype=torch.float32)
        self._run["gelu_back"](at(dy), at(x), *x.shape, at(sums), torch.get_num_threads())
        return dy, sums

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, packing: Packing, heads: int, drop: Drop
    ) -> tuple[Tensor, Kept]:
        queries, width = q.shape
        out = q.new_empty((queries, width))
        lse = q.new_empty((queries, heads), dtype=torch.float32)
        self._run["attend"](
            at(q), q.stride(0), at(k), at(v), k.stride(0), at(out), width, at(lse),
            at(packing.starts), at(packing.lengths), len(packing.lengths), heads, width // heads,
            (width // heads) ** -0.5, int(queries != len(k)), drop.rate, drop.seed, drop.stream,
            torch.get_num_threads(),
        )  # fmt: skip
        return out, (out, lse)

    def attend_back(
        self, grad: Tensor, q: Tensor, k: Tensor, v: Tensor, into: Sequence[Tensor],
        kept: Kept, packing: Packing, heads: int, drop: Drop,
    ) -> Tensor:  # fmt: skip
        out, lse = kept
        queries, width = q.shape
        assert [x.stride(0) for x in into] == [x.stride(0) for x in (q, k, v)]
        dq, dk, dv = into
        sums = lse.new_empty((3, width))
        self._run["attend_back"](
            at(q), q.stride(0), at(k), at(v), k.stride(0), at(out), at(grad), width, at(lse),
            at(packing.starts), at(packing.lengths), len(packing.lengths), heads, width // heads,
            (width // heads) ** -0.5, int(queries != len(k)), drop.rate, drop.seed, drop.stream,
            at(dq), at(dk), at(dv), at(sums), torch.get_num_threads(),
        )  # fmt: skip
        return sums
