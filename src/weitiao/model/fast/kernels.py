"""What the kernels are given, whichever way they are made (`compiled.py` or `plain.py`)."""

from __future__ import annotations

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


def kernels(dtype: torch.dtype) -> Any:
    """The fastest kernels this machine has for numbers kept as `dtype`."""
    library = compiler.library()
    if library is None:
        from weitiao.model.fast.plain import Plain

        return Plain(dtype)
    from weitiao.model.fast.compiled import Compiled

    return Compiled(library, dtype)
