"""Gradient accumulation of one optimizer step, retried with smaller micro-batches when memory is
exhausted; gradient norm and clipping."""

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

from weitiao.example import Batch
from weitiao.hardware.precision import onednn_matmul
from weitiao.model.model import Model
from weitiao.model.sharded import local
from weitiao.tasks.base import LossFn
from weitiao.training import memory
from weitiao.training.batches import Feed, MicroBatch, Stream
from weitiao.training.checkpoint import State, random_state, restore_random
from weitiao.training.strategies.base import ForwardBackward, Strategy


@dataclass(frozen=True)
class UpdateStep:
    """Gradient accumulation over the micro-batches of one optimizer step.

    net: the network as accelerate wrapped it.
    """

    model: Model
    net: Any
    train: Feed
    stream: Stream
    loss_of: LossFn
    strategies: Sequence[Strategy]
    accelerator: Accelerator
    precision: str

    def gradients(self, state: State, count: float) -> torch.Tensor:
        """Accumulate gradients for one optimizer step and return the summed loss.

        count: labels in the whole update, over all processes; the sum is divided by it. On
        out-of-memory, restore the RNG and retry with half the token budget (`state.tokens`).
        """
        before = random_state()
        while True:
            try:
                with self._matmul():
                    return self._once(state, count)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_refusal(error):
                    raise
            # Retry outside of `except`: the exception's traceback holds the frames, and with them
            # the tensors that filled the memory.
            longest = int(self.stream.lengths[self.stream.rows_of(state.step)].max())
            state.tokens = memory.fewer(state.tokens, longest, self.accelerator.num_processes)
            memory.release(self.net)
            restore_random(before)  # dropout draws what it would have drawn at this size

    def _once(self, state: State, count: float) -> torch.Tensor:
        """One attempt, at the token budget of `state`."""
        world = self.accelerator.num_processes
        self.stream.micro_batch_tokens = state.tokens
        own = self.stream.micros(state.step, world)[self.accelerator.process_index]
        forward_backward: ForwardBackward = partial(self._accumulate, own, world / count)
        for strategy in self.strategies:
            forward_backward = strategy.update(forward_backward)
        total: torch.Tensor = forward_backward()
        return total

    def _accumulate(self, micros: Sequence[MicroBatch], factor: float) -> torch.Tensor:
        """Add the gradients of one update, micro-batch by micro-batch; returns the summed loss.

        factor: world size / label count of the whole update. DDP averages gradients over the
        processes, so a sum over all rows needs the world size back.
        """
        if self.model.task.contrasts and len(micros) > 1:
            return self._cached(micros, factor)
        accelerator = self.accelerator
        total = torch.zeros((), device=accelerator.device)
        for i, micro in enumerate(micros):
            # DDP exchanges gradients in backward; before the last micro-batch that would be waste.
            unsynced = i + 1 < len(micros) and accelerator.num_processes > 1
            with accelerator.no_sync(self.net) if unsynced else nullcontext():
                output = self.loss_of(self.net, self._batch(micro))
                scale = factor if micro.real else 0.0
                accelerator.backward(output.loss * scale)
            if micro.real:
                total += output.loss.detach().float()
        return total

    def _cached(self, micros: Sequence[MicroBatch], factor: float) -> torch.Tensor:
        """The gradients of a loss over the rows of all micro-batches together (GradCache, Gao et
        al. 2021): all vectors without a graph, their gradients, then micro-batch by micro-batch
        again with the same dropout, so that memory holds one of them."""
        states, vectors, batches = [], [], []
        with torch.no_grad():
            for micro in micros:
                states.append(random_state())
                batch = self._batch(micro)
                vectors.append(self.net(batch).detach())
                batches.append(batch)
        labels = [batch.labels for batch in batches if batch.labels is not None]
        rows = [2 * len(one) for one in labels]
        # Questions with their passages first, then all further passages, as one batch has them.
        order = [one[:count] for one, count in zip(vectors, rows, strict=True)]
        order += [one[count:] for one, count in zip(vectors, rows, strict=True)]
        whole = torch.cat(order).requires_grad_()
        weights = [batch.weights for batch in batches if batch.weights is not None]
        own_weights = (torch.cat(weights),) if weights else ()
        total: torch.Tensor = self.model.loss().value(whole, torch.cat(labels), *own_weights)
        (gradient,) = torch.autograd.grad(total * factor, whole)
        pieces = torch.split(gradient, [len(one) for one in order])
        for i, (batch, state) in enumerate(zip(batches, states, strict=True)):
            restore_random(state)
            own = torch.cat([pieces[i], pieces[len(batches) + i]])
            self.net(batch).backward(own)
        return total.detach().float()

    def _batch(self, micro: MicroBatch) -> Batch:
        train = self.train
        batch = self.model.batch(train.encoded, micro.positions, train.labels, train.weights)
        return batch.to(self.accelerator.device)

    @contextmanager
    def _matmul(self) -> Iterator[None]:
        """Route matrix products through oneDNN. (bf16 is accelerate's autocast instead.)"""
        with onednn_matmul() if self.precision == "onednn" else nullcontext():
            yield


def values(params: Iterable[nn.Parameter]) -> list[Tensor]:
    """The gradient of each parameter as a dense tensor; of a sparse one its values.

    Sparse gradients are coalesced for good: a row that occurs twice must be added up before its
    norm is taken, since the norm of a sum is not the sum of norms.
    """
    gradients = []
    for param in params:
        if param.grad is None:
            continue
        if param.grad.is_sparse:
            param.grad = param.grad.coalesce()
            gradients.append(param.grad.values())
        else:
            gradients.append(local(param.grad))
    return gradients


def norm(gradients: list[Tensor], in_shards: bool = False) -> float:
    """The global L2 norm of the gradients. Not finite when one of them is not.

    in_shards: each process holds a part of every gradient, and all must call this.
    """
    length = float(torch.nn.utils.get_total_norm(gradients))
    if not in_shards:
        return length
    # |g|^2 = sum of |g_rank|^2. In float64: squares of norms above 1.8e19 overflow float32, and
    # runs that diverge get there.
    squares = torch.tensor([length**2], dtype=torch.float64, device=gradients[0].device)
    torch.distributed.all_reduce(squares)
    return math.sqrt(float(squares))


@torch.no_grad()
def clip(gradients: list[Tensor], norm: float, max_norm: float) -> None:
    """Scale gradients of global norm `norm` in place to at most `max_norm` (Pascanu et al. 2013).

    Every process has the same averaged gradients by now, or parts of them and the norm of the
    whole, so each scales by the same factor.
    """
    factor = max_norm / (norm + 1e-6)  # the epsilon of torch.nn.utils.clip_grad_norm_
    if factor < 1 and gradients:
        torch._foreach_mul_(gradients, factor)
