"""Sharded networks (FSDP2): each process holds a part of every weight.

The weights of a layer are gathered from all processes when it runs and freed afterwards, so that a
forward pass is a collective operation: all processes must run equally many. Sharded tensors are
torch's DTensors, split along the first dimension; the functions here return plain tensors as they
are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weitiao.example import Batch
from weitiao.hardware.precision import arithmetic


class Sharded(nn.Module):
    """An FSDP2-sharded network for training and evaluation. kind: its precision.

    In evaluation some processes have more batches than others; `finish` makes up for that.
    """

    def __init__(self, module: nn.Module, kind: str, device: torch.device) -> None:
        super().__init__()
        self.module, self.device = module, device
        self.kind = "bf16" if kind == "bf16" else "fp32"  # onednn is switched on by the caller

    def forward(self, batch: Batch) -> Tensor:
        if self.training:
            return self._run(batch)
        self._any_left(True)
        return self._evaluate(batch)

    def finish(self, batch: Batch) -> None:
        """Run `batch` and ignore its logits until no process has batches left."""
        training = self.training
        self.eval()
        while self._any_left(False):
            self._evaluate(batch.to(self.device))
        self.train(training)

    def _evaluate(self, batch: Batch) -> Tensor:
        # FSDP keeps gathered buffers from pass to pass. Made in inference mode, they could not
        # be used by a later backward pass.
        with torch.inference_mode(False), torch.no_grad():
            return self._run(batch)

    def _run(self, batch: Batch) -> Tensor:
        with arithmetic(self.kind, self.device.type):
            logits: Tensor = self.module(batch)
        return logits.float()

    def _any_left(self, more: bool) -> bool:
        """Whether any process has batches left; a collective operation."""
        count = torch.tensor([float(more)], device=self.device)
        torch.distributed.all_reduce(count)
        return bool(count > 0)


def is_sharded(tensor: Any) -> bool:
    """Whether a tensor is a DTensor, tested without importing torch.distributed."""
    return hasattr(tensor, "to_local")


@torch.no_grad()
def local(tensor: Any) -> Tensor:
    """This process's part of a tensor."""
    return tensor.to_local() if is_sharded(tensor) else tensor


@torch.no_grad()
def gathered(tensor: Any) -> Tensor:
    """The full tensor; a collective operation."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def gathered_state(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """The full tensors on the CPU, gathered one at a time; a collective operation.

    keep: whether this process gets them.
    """
    # One tensor at a time: a card that holds a part of the network need not hold all of it at once.
    state = {}
    for name, tensor in tensors.items():
        full = gathered(tensor.detach())
        if keep:
            state[name] = full.cpu() if is_sharded(tensor) else full
    return state


@torch.no_grad()
def copy_into(target: Any, value: Tensor) -> None:
    """Copy the full `value` into `target`: into a sharded one, this process's part."""
    if is_sharded(target):
        mesh, target = target.device_mesh, target.to_local()
        # torch splits rows as torch.chunk does: equal chunks, rounded up, and the rest at the end.
        chunk = -(-len(value) // mesh.size())
        start = chunk * mesh.get_local_rank()
        value = value[start : start + len(target)]
    assert target.shape == value.shape, "a shard is a run of rows"
    target.copy_(value)
