"""The gradients of one update: piece by piece, and once more in smaller ones if memory is short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from weitiao.hardware.precision import onednn_matmul
from weitiao.model.model import Model
from weitiao.model.sharded import local
from weitiao.tasks.base import LossFn
from weitiao.training import memory
from weitiao.training.batches import Micro, Stream
from weitiao.training.checkpoint import State, random_state, restore_random
from weitiao.training.inputs import Feed
from weitiao.training.strategies.base import ForwardBackward, Strategy


@dataclass(frozen=True)
class Pass:
    """All that makes gradients of rows. net: the network as accelerate wrapped it."""

    model: Model
    net: Any
    train: Feed
    stream: Stream
    loss_of: LossFn
    strategies: Sequence[Strategy]
    accelerator: Accelerator
    kind: str  # the arithmetic

    def gradients(self, state: State, count: float) -> torch.Tensor:
        """Leave the gradients of the next update in the network; returns its summed loss.

        count: what the sum is divided by. When memory is exhausted, nothing has happened, and the
        same rows go through with half the tokens at once; `state` remembers that.
        """
        before = random_state()
        while True:
            try:
                with self._computing():
                    return self._once(state, count)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_refusal(error):
                    raise
            # Here the error is gone, and with it the frames that held tensors.
            longest = int(self.stream.lengths[self.stream.rows_of(state.step)].max())
            state.tokens = memory.fewer(state.tokens, longest, self.accelerator.num_processes)
            memory.release(self.net)
            restore_random(before)

    def _once(self, state: State, count: float) -> torch.Tensor:
        world = self.accelerator.num_processes
        self.stream.micro_batch_tokens = state.tokens
        share = self.stream.micros(state.step, world)[self.accelerator.process_index]
        act: ForwardBackward = partial(self._accumulate, share, world / count)
        for strategy in self.strategies:
            act = strategy.update(act)
        total: torch.Tensor = act()
        return total

    def _accumulate(self, share: Sequence[Micro], factor: float) -> torch.Tensor:
        """Add the gradients of one update, micro-batch by micro-batch; returns the summed loss.

        `factor` divides by the label count of the whole update (all processes); several processes
        average their gradients afterwards, so it also multiplies by their number.
        """
        accelerator = self.accelerator
        total = torch.zeros((), device=accelerator.device)
        for i, micro in enumerate(share):
            quiet = i + 1 < len(share) and accelerator.num_processes > 1
            with accelerator.no_sync(self.net) if quiet else nullcontext():
                batch = self.model.batch(self.train.encoded, micro.positions, self.train.labels)
                output = self.loss_of(self.net, batch.to(accelerator.device))
                scale = factor if micro.real else 0.0
                accelerator.backward(output.loss * scale)
            if micro.real:
                total += output.loss.detach().float()
        return total

    @contextmanager
    def _computing(self) -> Iterator[None]:
        # bf16 is accelerate's autocast around the forward pass.
        with onednn_matmul() if self.kind == "onednn" else nullcontext():
            yield


def values(params: Iterable[nn.Parameter]) -> list[Tensor]:
    """The numbers of each gradient. A sparse one gets each of its rows once first, for good:
    the length of a sum is not the sum of lengths."""
    found = []
    for param in params:
        if param.grad is None:
            continue
        if param.grad.is_sparse:
            param.grad = param.grad.coalesce()
            found.append(param.grad.values())
        else:
            found.append(local(param.grad))
    return found


def norm(gradients: list[Tensor], in_shards: bool = False) -> float:
    """The L2 norm of all gradients together. Not finite when one of them is not.

    in_shards: each process holds other parts of them, and all must ask.
    """
    length = float(torch.nn.utils.get_total_norm(gradients))
    if not in_shards:
        return length
    squares = torch.tensor([length**2], dtype=torch.float64, device=gradients[0].device)
    torch.distributed.all_reduce(squares)
    return math.sqrt(float(squares))


@torch.no_grad()
def clip(gradients: list[Tensor], length: float, longest: float) -> None:
    """Shorten gradients of `length` in place, so that together they are no longer than `longest`.

    Several processes hold the same averaged gradients by now, or parts of them and the length of
    the whole, so each does the same.
    """
    share = longest / (length + 1e-6)
    if share < 1 and gradients:
        torch._foreach_mul_(gradients, share)
