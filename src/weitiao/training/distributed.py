"""The processes that learn together, as accelerate knows them."""

from __future__ import annotations

import os
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState


def here() -> PartialState:
    """This process among the others; the first call meets them."""
    return PartialState(cpu=_on_processors())


def accelerator(kind: str) -> Accelerator:
    """What moves networks and exchanges gradients. kind: the arithmetic."""
    forget()
    mixed = "bf16" if kind == "bf16" else "no"
    return Accelerator(cpu=_on_processors(), mixed_precision=mixed)


def forget() -> None:
    """Let go of what accelerate shares in this process: whoever comes next chooses anew."""
    AcceleratorState._reset_state()


def agreed(value: Any) -> Any:
    """What the first process says, in all of them."""
    if here().num_processes == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def _on_processors() -> bool:
    """Several processes without a card between them: accelerate must be told."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available()
