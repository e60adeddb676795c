"""Distributed data parallelism (DDP): process groups through accelerate."""

from __future__ import annotations

import os
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState


def here() -> PartialState:
    """The state of this process; the first call joins the process group."""
    return PartialState(cpu=_on_processors())


def accelerator(kind: str) -> Accelerator:
    """A new Accelerator. kind: the precision, one of `precision.KINDS`."""
    forget()
    # accelerate knows autocast only; `onednn` is switched on around each update instead.
    mixed = "bf16" if kind == "bf16" else "no"
    return Accelerator(cpu=_on_processors(), mixed_precision=mixed)


def forget() -> None:
    """Reset accelerate's process-wide state, so that the next run can choose another precision."""
    # It is a singleton: a second Accelerator of another precision would raise ValueError.
    AcceleratorState._reset_state()


def agreed(value: Any) -> Any:
    """Broadcast a value from rank 0 to all processes."""
    if here().num_processes == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def _on_processors() -> bool:
    """Whether several processes train without GPUs.

    accelerate takes them for single ones unless it gets `cpu=True`. WORLD_SIZE is set by torchrun.
    """
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available()
