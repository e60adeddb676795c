"""A network in shards (FSDP2): each process holds a part of every weight.

A layer is put together from all processes when it runs, and let go of afterwards. So a pass is a
matter of all processes: each must make as many as the others. Tensors in shards are DTensors of
torch, cut along their first dimension; the functions here take plain tensors as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weitiao.example import Batch
from weitiao.hardware.precision import arithmetic


class Sharded(nn.Module):
    """A network in shards, as the loop and the judge run it. kind: its arithmetic.

    Judging, some processes have more rows than others; `finish` makes up for that.
    """

    def __init__(self, module: nn.Module, kind: str, device: torch.device) -> None:
        super().__init__()
        self.module, self.device = module, device
        self.kind = "bf16" if kind == "bf16" else "fp32"  # onednn is switched on further out

    def forward(self, batch: Batch) -> Tensor:
        if self.training:
            return self._run(batch)
        self._anybody(True)
        return self._judge(batch)

    def finish(self, batch: Batch) -> None:
        """Judge `batch` for nothing until no process has rows left."""
        training = self.training
        self.eval()
        while self._anybody(False):
            self._judge(batch.to(self.device))
        self.train(training)

    def _judge(self, batch: Batch) -> Tensor:
        # What FSDP keeps from pass to pass must not be made in inference mode: backward needs it.
        with torch.inference_mode(False), torch.no_grad():
            return self._run(batch)

    def _run(self, batch: Batch) -> Tensor:
        with arithmetic(self.kind, self.device.type):
            logits: Tensor = self.module(batch)
        return logits.float()

    def _anybody(self, more: bool) -> bool:
        """Whether a process has rows left; all must ask."""
        count = torch.tensor([float(more)], device=self.device)
        torch.distributed.all_reduce(count)
        return bool(count > 0)


def in_shards(tensor: Any) -> bool:
    """Whether this process holds a part of it only. (Asked so, nobody pays for the import.)"""
    return hasattr(tensor, "to_local")


@torch.no_grad()
def local(tensor: Any) -> Tensor:
    """What this process holds of a tensor."""
    return tensor.to_local() if in_shards(tensor) else tensor


@torch.no_grad()
def whole(tensor: Any) -> Tensor:
    """A tensor put together again; all processes must do it."""
    return tensor.full_tensor() if in_shards(tensor) else tensor


def wholes(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """Tensors put together, one after another, and moved off the card; all processes must do it.
    keep: whether this one gets them."""
    found = {}
    for name, tensor in tensors.items():
        together = whole(tensor.detach())
        if keep:
            found[name] = together.cpu() if in_shards(tensor) else together
    return found


@torch.no_grad()
def put(target: Any, value: Tensor) -> None:
    """Copy the whole `value` into `target`: of one in shards, this process's part."""
    if in_shards(target):
        mesh, target = target.device_mesh, target.to_local()
        each = -(-len(value) // mesh.size())
        begin = each * mesh.get_local_rank()
        value = value[begin : begin + len(target)]
    assert target.shape == value.shape, "a shard is a run of rows"
    target.copy_(value)
