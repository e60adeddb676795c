"""Selection of the kernels for this machine."""

from __future__ import annotations

import torch

from weitiao.model.fast import compiler
from weitiao.model.fast.kernels import Kernels


def kernels(dtype: torch.dtype) -> Kernels:
    """The fastest kernels this machine has for activations in `dtype`."""
    library = compiler.library()
    if library is None:
        from weitiao.model.fast.plain import Plain

        return Plain(dtype)
    from weitiao.model.fast.compiled import Compiled

    return Compiled(library, dtype)
