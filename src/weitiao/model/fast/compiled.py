"""The kernels in C++, called through ctypes. See `kernels.py` for the interface.

Tensors are passed by address, so that shapes and indices are checked here: the kernels are not
memory-safe. ctypes releases the interpreter lock during a call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weitiao.model.fast.kernels import Dropout, EmbeddingTables, NormParams, Saved, copy_each
from weitiao.model.packed import Packing

P, N, L = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
F, U = ctypes.c_float, ctypes.c_uint64
# Argument types of the C functions <name>_fp32 and <name>_bf16, in the order of rows.cpp, blocks.h.
ARGUMENT_TYPES: dict[str, Sequence[Any]] = {
    "embed": (P, P, P, P, P, P, P, P, F, F, U, L, N, P, P, P, N),
    "embed_back": (P, P, P, P, F, U, L, N, P, P, P, N),
    "add_norm": (P, P, P, P, F, F, U, U, L, N, P, P, P, N),
    "add_norm_back": (P, P, P, P, P, F, U, U, L, N, P, P, P, N),
    "gelu": (P, L, P, N),
    "gelu_back": (P, P, L, N, P, N),
    "attend": (P, L, P, P, L, P, L, P, P, P, N, N, N, F, N, F, U, U, N),
    "attend_back": (P, L, P, P, L, P, P, L, P, P, P, N, N, N, F, N, F, U, U, P, P, P, P, N),
}
DTYPE_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}


def at(tensor: Tensor | None) -> int | None:
    """The address of a tensor's data."""
    return None if tensor is None else tensor.data_ptr()


def _check_indices(ids: Tensor | None, table: Tensor | None) -> None:
    """Bounds check: raise IndexError for ids outside the table, which the kernels would read."""
    if ids is None or table is None or not len(ids):
        return
    least, most = torch.aminmax(ids)
    if least < 0 or most >= len(table):
        raise IndexError(f"{int(least)} to {int(most)} in a table of {len(table)}")


class Compiled:
    """The kernels of a compiled library for activations in `dtype` (fp32 or bf16)."""

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        self.dtype, self.name = dtype, f"c++ {Path(library._name).stem[:8]}"
        self._run: dict[str, Any] = {}
        for kernel, types in ARGUMENT_TYPES.items():
            function = getattr(library, f"{kernel}_{DTYPE_NAMES[dtype]}")
            function.argtypes, function.restype = types, None
            self._run[kernel] = function
        if dtype == torch.bfloat16:
            self._cast = library.cast_bf16
            self._cast.argtypes, self._cast.restype = (P, P, P, N, N), None

    def __deepcopy__(self, memo: Any) -> Compiled:
        return self  # immutable, and function pointers cannot be copied

    def copy(self, masters: Sequence[Tensor], copies: Sequence[Tensor]) -> None:
        kinds = {(m.dtype, c.dtype) for m, c in zip(masters, copies, strict=True)}
        fits = kinds == {(torch.float32, torch.bfloat16)} and all(
            tensor.is_contiguous() and tensor.device.type == "cpu" for tensor in (*masters, *copies)
        )
        if not fits:
            return copy_each(masters, copies)
        assert all(m.shape == c.shape for m, c in zip(masters, copies, strict=True))
        count = len(masters)
        self._cast(
            (P * count)(*map(at, masters)),
            (P * count)(*map(at, copies)),
            (L * count)(*(tensor.numel() for tensor in masters)),
            count,
            torch.get_num_threads(),
        )
        return None

    def embed(
        self,
        ids: Tensor,
        positions: Tensor,
        types: Tensor | None,
        tables: EmbeddingTables,
        dropout: Dropout,
    ) -> tuple[Tensor, Saved]:
        tokens, width = len(ids), tables.words.shape[1]
        _check_indices(ids, tables.words)
        _check_indices(positions, tables.positions)
        _check_indices(types, tables.types)
        summed = ids.new_empty((tokens, width), dtype=self.dtype)
        stats = ids.new_empty((tokens, 2), dtype=torch.float32)
        out = torch.empty_like(summed)
        self._run["embed"](
            at(ids),
            at(positions),
            at(types),
            at(tables.words),
            at(tables.positions),
            at(tables.types),
            at(tables.norm.weight),
            at(tables.norm.bias),
            tables.norm.eps,
            dropout.rate,
            dropout.seed,
            tokens,
            width,
            at(summed),
            at(stats),
            at(out),
            torch.get_num_threads(),
        )
        return out, (summed, stats)

    def embed_back(
        self, dy: Tensor, saved: Saved, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Tensor, Tensor]:
        summed, stats = saved
        tokens, width = summed.shape
        dy = dy.contiguous()
        ds = dy.new_empty((tokens, width), dtype=torch.float32)
        sums = ds.new_empty((2, width))
        self._run["embed_back"](
            at(dy),
            at(summed),
            at(stats),
            at(norm.weight),
            dropout.rate,
            dropout.seed,
            tokens,
            width,
            at(ds),
            at(sums[0]),
            at(sums[1]),
            torch.get_num_threads(),
        )
        return ds, sums[0], sums[1]

    def add_norm(
        self, branch: Tensor, x: Tensor, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Saved]:
        tokens, width = x.shape
        for_backward = not torch.is_inference_mode_enabled()
        # Not is_grad_enabled(): that is off inside every autograd.Function.forward.
        summed = torch.empty_like(x) if for_backward else None  # null: the kernel does not store it
        stats = x.new_empty((tokens, 2), dtype=torch.float32)
        out = torch.empty_like(x)
        self._run["add_norm"](
            at(branch),
            at(x),
            at(norm.weight),
            at(norm.bias),
            norm.eps,
            dropout.rate,
            dropout.seed,
            dropout.stream,
            tokens,
            width,
            at(summed),
            at(stats),
            at(out),
            torch.get_num_threads(),
        )
        return out, (summed, stats)

    def add_norm_back(
        self, dy: Tensor, more: Tensor | None, saved: Saved, norm: NormParams, dropout: Dropout
    ) -> tuple[Tensor, Tensor, Tensor]:
        summed, stats = saved
        tokens, width = summed.shape
        ds = torch.empty_like(summed)
        # Without dropout both gradients are the same numbers, and the kernel writes them once more.
        dbranch = torch.empty_like(summed) if dropout.rate else ds
        sums = stats.new_empty((3, width))
        self._run["add_norm_back"](
            at(dy),
            at(more),
            at(summed),
            at(stats),
            at(norm.weight),
            dropout.rate,
            dropout.seed,
            dropout.stream,
            tokens,
            width,
            at(ds),
            at(dbranch),
            at(sums),
            torch.get_num_threads(),
        )
        return ds, dbranch, sums

    def gelu(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        self._run["gelu"](at(x), x.numel(), at(out), torch.get_num_threads())
        return out

    def gelu_back(self, dy: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        sums = dy.new_empty(x.shape[1], dtype=torch.float32)
        self._run["gelu_back"](at(dy), at(x), *x.shape, at(sums), torch.get_num_threads())
        return dy, sums

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, packing: Packing, heads: int, dropout: Dropout
    ) -> tuple[Tensor, Saved]:
        queries, width = q.shape
        out = q.new_empty((queries, width))
        lse = q.new_empty((queries, heads), dtype=torch.float32)
        self._run["attend"](
            at(q),
            q.stride(0),
            at(k),
            at(v),
            k.stride(0),
            at(out),
            width,
            at(lse),
            at(packing.starts),
            at(packing.lengths),
            len(packing.lengths),
            heads,
            width // heads,
            (width // heads) ** -0.5,
            int(queries != len(k)),
            dropout.rate,
            dropout.seed,
            dropout.stream,
            torch.get_num_threads(),
        )
        return out, (out, lse)

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
        out, lse = saved
        queries, width = q.shape
        # The kernel has one stride for q and dq, and one for k, v, dk and dv.
        assert [x.stride(0) for x in into] == [x.stride(0) for x in (q, k, v)]
        dq, dk, dv = into
        sums = lse.new_empty((3, width))
        self._run["attend_back"](
            at(q),
            q.stride(0),
            at(k),
            at(v),
            k.stride(0),
            at(out),
            at(dy),
            width,
            at(lse),
            at(packing.starts),
            at(packing.lengths),
            len(packing.lengths),
            heads,
            width // heads,
            (width // heads) ** -0.5,
            int(queries != len(k)),
            dropout.rate,
            dropout.seed,
            dropout.stream,
            at(dq),
            at(dk),
            at(dv),
            at(sums),
            torch.get_num_threads(),
        )
        return sums
