"""What the kernels are given, whichever way they are made (`compiled.py` or `plain.py`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor

from weitiao.model.fast import compiler

Kept = tuple[Any, ...]  # what a kernel's backward needs of its forward


class Norm(NamedTuple):
    """A LayerNorm: weight and bias (width,) in fp32."""

    weight: Tensor
    bias: Tensor
    eps: float


class Embedding(NamedTuple):
    """Tables in fp32: words (vocabulary, width); places and kinds are None where a family has
    none."""

    words: Tensor
    places: Tensor | None
    kinds: Tensor | None
    norm: Norm


class Drop(NamedTuple):
    """Dropout at one place of the network: numbers follow from (seed, stream) alone, so the
    backward pass makes them anew."""

    rate: float = 0.0
    seed: int = 0
    stream: int = 0


# Kernels that belong together: what the forward pass keeps, only its own backward pass can read.
GROUPS = {
    "attention": ("attend", "attend_back"),
    "add_norm": ("add_norm", "add_norm_back"),
    "gelu": ("gelu", "gelu_back"),
    "embed": ("embed", "embed_back"),
}
IN_TORCH = ", torch: "  # in a name: behind it the groups that PyTorch computes

_pinned: ContextVar[frozenset[str] | None] = ContextVar("pinned", default=None)


class Mixed:
    """The compiled kernels, but for some groups that PyTorch computes faster here."""

    def __init__(self, compiled: Any, plain: Any, in_torch: Collection[str]) -> None:
        self.dtype = compiled.dtype
        self.name = f"{compiled.name}{IN_TORCH}{' '.join(sorted(in_torch))}"
        for group, names in GROUPS.items():
            for name in names:
                setattr(self, name, getattr(plain if group in in_torch else compiled, name))

    def __deepcopy__(self, memo: Any) -> Mixed:
        return self  # nothing here changes, and pointers to functions cannot be copied


def kernels(dtype: torch.dtype) -> Any:
    """The fastest kernels this machine has for numbers kept as `dtype`."""
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
    return Mixed(compiled, Plain(dtype), in_torch) if in_torch else compiled


@contextmanager
def pinned(name: str | None) -> Iterator[None]:
    """Inside, the groups that PyTorch computes are those of `name`, which a run has recorded:
    nothing is timed. None leaves all as it is."""
    if name is None:
        yield
        return
    token = _pinned.set(frozenset(name.partition(IN_TORCH)[2].split()))
    try:
        yield
    finally:
        _pinned.reset(token)
