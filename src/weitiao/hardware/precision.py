"""Mixed precision of matrix products, as contexts that restore what they change.

fp32    as torch does it.
onednn  fp32 tensors, whose products oneDNN computes: torch's own choice misses the best
        instructions of some processors. Where the processor has bf16 instructions, oneDNN rounds
        the factors to bf16, so it is never called fp32. torch's switch is global to the process.
bf16    weights stay fp32, products run in bfloat16 (autocast).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

KINDS = ("fp32", "onednn", "bf16")


def has_onednn_matmul() -> bool:
    """Whether this torch has the switch that sends fp32 products to oneDNN (2.9 or newer)."""
    backend: Any = torch.backends.mkldnn
    return bool(backend.is_available() and hasattr(backend, "matmul"))


@contextmanager
def onednn_matmul() -> Iterator[None]:
    """Compute fp32 products with oneDNN inside."""
    backend: Any = torch.backends.mkldnn
    # The switch is global to the process, so its old value is put back even after an exception.
    switch = backend.matmul
    before = switch.fp32_precision
    # torch takes oneDNN's matmul for fp32 only when lower internal precision is allowed.
    switch.fp32_precision = "bf16"
    try:
        yield
    finally:
        switch.fp32_precision = before


@contextmanager
def arithmetic(kind: str, device: str = "cpu") -> Iterator[None]:
    """Precision context: run the block in one of KINDS.

    Backward passes belong inside, too: with `onednn` the switch is read by each product. (Autocast
    acts in the forward pass alone; backward uses the dtypes chosen there.)
    """
    if kind == "onednn":
        with onednn_matmul():
            yield
    elif kind == "bf16":
        with torch.autocast(device, torch.bfloat16):
            yield
    else:
        yield
