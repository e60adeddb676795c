"""In which arithmetic a network runs, as contexts that put back what they change.

fp32    as torch does it.
onednn  fp32 tensors, whose products oneDNN computes: torch's own choice misses the best
        instructions of some processors. On some it rounds the factors to bf16, so it is never
        called fp32. torch's switch for it is global to the process.
bf16    weights stay fp32, products run in bfloat16 (autocast).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

KINDS = ("fp32", "onednn", "bf16")


def has_route() -> bool:
    """Whether this torch can send fp32 products to oneDNN."""
    backend: Any = torch.backends.mkldnn
    return bool(backend.is_available() and hasattr(backend, "matmul"))


@contextmanager
def routed() -> Iterator[None]:
    """fp32 products go to oneDNN inside; the old way is put back, whatever it was."""
    backend: Any = torch.backends.mkldnn
    switch = backend.matmul
    before = switch.fp32_precision
    switch.fp32_precision = "bf16"
    try:
        yield
    finally:
        switch.fp32_precision = before


@contextmanager
def arithmetic(kind: str, device: str = "cpu") -> Iterator[None]:
    """Run what is inside in one of KINDS. Backward passes belong inside, too."""
    if kind == "onednn":
        with routed():
            yield
    elif kind == "bf16":
        with torch.autocast(device, torch.bfloat16):
            yield
    else:
        yield
