"""Exponential moving average (EMA) of the weights, which is evaluated and saved instead of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from pydantic import Field, PrivateAttr

from weitiao.training.strategies.base import Strategy

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.model.net import Net

COUNT = "updates"


class EMA(Strategy):
    """Exponential moving average of the weights (Polyak and Juditsky 1992; Tarvainen and Valpola
    2017). Early steps are trusted less: the decay in use is min(decay, n / (n + 9)).

    When to use: nearly free smoothing of the last part of a run; helps noisy validation curves.
    """

    decay: float = Field(0.999, gt=0, lt=1, description="decay of the average in each update")
    _average: dict[str, Tensor] = PrivateAttr(default_factory=dict)
    _updates: int = PrivateAttr(0)

    def after_step(self, net: Net, progress: float) -> None:
        import torch

        self._updates += 1
        # As TensorFlow's ExponentialMovingAverage: (1 + k) / (10 + k) after k earlier updates.
        decay = min(self.decay, self._updates / (self._updates + 9))
        with torch.no_grad():
            for name, param in net.named_parameters():
                if name in self._average:
                    self._average[name].lerp_(param, 1 - decay)
                elif param.requires_grad:
                    self._average[name] = param.detach().clone()

    def evaluating(self, net: Net) -> AbstractContextManager[None]:
        return self._swapped(net)

    @contextmanager
    def _swapped(self, net: Net) -> Iterator[None]:
        # Values are copied and parameters stay the same objects: the optimizer and DDP refer to
        # them, and `copy_` counts up the version by which the kernels renew their bf16 copies.
        own = {n: p.detach().clone() for n, p in net.named_parameters() if n in self._average}
        _copy(self._average, net)
        try:
            yield
        finally:
            _copy(own, net)

    def state(self) -> Mapping[str, Tensor]:
        import torch

        return {COUNT: torch.tensor(self._updates), **self._average}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._updates = int(state[COUNT])
        self._average = {name: value.clone() for name, value in state.items() if name != COUNT}


def _copy(weights: Mapping[str, Tensor], net: Net) -> None:
    import torch

    with torch.no_grad():
        for name, param in net.named_parameters():
            if name in weights:
                param.copy_(weights[name])
