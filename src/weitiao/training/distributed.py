"""Process groups of data-parallel training, through accelerate."""

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
    """A new Accelerator. kind: the precision."""
    forget()
    mixed = "bf16" if kind == "bf16" else "no"
    return Accelerator(cpu=_on_processors(), mixed_precision=mixed)


def forget() -> None:
    """Reset accelerate's process-wide state, so that the next run can choose another precision."""
    AcceleratorState._reset_state()


def agreed(value: Any) -> Any:
    """Broadcast a value from rank 0 to all processes."""
    if here().num_processes == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def _on_processors() -> bool:
    """Whether several processes train without GPUs, which accelerate does not detect."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available()
