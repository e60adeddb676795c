"""R-Drop: consistency regularization between two dropout masks over the same rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PrivateAttr

from weitiao.example import Batch, Output
from weitiao.tasks.base import LossFn, Task
from weitiao.training.strategies.base import Strategy

if TYPE_CHECKING:
    from weitiao.model.net import Net


class RDrop(Strategy):
    """R-Drop: run each row twice with different dropout, learn from both, and add `alpha` times the
    divergence of the outputs (Liang et al. 2021): KL for labels, Bernoulli KL for several labels,
    squared distance for numbers. Doubles the time of an update.

    When to use: up to some thousand rows, where over-fitting limits the score.
    """

    shards: ClassVar[bool] = True
    reads_logits: ClassVar[bool] = True
    alpha: float = Field(1.0, gt=0, description="weight of the divergence")
    _task: Task | None = PrivateAttr(None)

    def start(self, net: Net, task: Task) -> None:
        self._task = task

    def loss(self, inner: LossFn) -> LossFn:
        task = self._task
        assert task is not None, "start comes first"

        def loss(net: Any, batch: Batch) -> Output:
            # Both copies in one forward pass: dropout draws a mask for each row, so they differ.
            output = inner(net, batch.twice())
            first, second = output.logits.chunk(2)
            apart = task.divergence(first, second, batch)
            return replace(output, loss=output.loss / 2 + self.alpha * apart, logits=first)

        return loss
