"""Kernel selection for this machine: compiled, in PyTorch, or some of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

from weitiao.model.fast import compiler
from weitiao.model.fast.kernels import GROUPS, Kernels

IN_TORCH = ", torch: "  # in the name of kernels: before the groups that PyTorch computes

_pinned: ContextVar[frozenset[str] | None] = ContextVar("pinned", default=None)


class Mixed:
    """The compiled kernels, except for some groups that PyTorch computes faster here."""

    def __init__(self, compiled: Kernels, plain: Kernels, in_torch: Collection[str]) -> None:
        self.dtype = compiled.dtype
        self.name = f"{compiled.name}{IN_TORCH}{' '.join(sorted(in_torch))}"
        for group, names in GROUPS.items():
            for name in names:
                setattr(self, name, getattr(plain if group in in_torch else compiled, name))
        self.copy = compiled.copy

    def __deepcopy__(self, memo: Any) -> Mixed:
        return self  # immutable, and function pointers cannot be copied


def kernels(dtype: torch.dtype) -> Kernels:
    """The fastest kernels this machine has for activations in `dtype`."""
    from weitiao.model.fast.plain import Plain

    library = compiler.library()
    if library is None:
        return Plain(dtype)
    from weitiao.model.fast import timing
    from weitiao.model.fast.compiled import Compiled

    in_torch = _pinned.get()
    if in_torch is None:
        in_torch = frozenset(timing.measured(library, dtype).in_torch)
    compiled = Compiled(library, dtype)
    if not in_torch:
        return compiled
    mixed: Any = Mixed(compiled, Plain(dtype), in_torch)
    return mixed


@contextmanager
def pinned(name: str | None) -> Iterator[None]:
    """Inside, PyTorch computes the groups in `name`, which a run has recorded, and nothing is
    timed. None changes nothing."""
    if name is None:
        yield
        return
    token = _pinned.set(frozenset(name.partition(IN_TORCH)[2].split()))
    try:
        yield
    finally:
        _pinned.reset(token)
