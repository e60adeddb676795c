"""The gradients of one update: piece by piece, and once more in smaller ones if memory is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator

from weitiao.model.arithmetic import routed
from weitiao.model.model import Model
from weitiao.tasks.base import LossFn
from weitiao.train import memory
from weitiao.train.batches import Micro, Stream
from weitiao.train.checkpoint import State, random_state, restore_random
from weitiao.train.feed import Feed
from weitiao.train.strategies.base import ForwardBackward, Strategy


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
        with routed() if self.kind == "onednn" else nullcontext():
            yield
