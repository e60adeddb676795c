"""Supervised contrast: rows of one label are drawn together, others apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PrivateAttr

from weitiao.errors import PlanError
from weitiao.example import Batch, Output
from weitiao.i18n.messages import _
from weitiao.tasks.base import LossFn, Task
from weitiao.training.strategies.base import Strategy

if TYPE_CHECKING:
    from torch import Tensor, nn

    from weitiao.model.net import Net


class Contrast(Strategy):
    """Add a supervised contrastive loss to that of the task (Khosla et al. 2020; for fine-tuning
    Gunel et al. 2021): what the output layer reads of rows with one label becomes alike, that of
    rows with other labels unlike. It compares the rows of a micro-batch.

    When to use: few rows a label, and an encoder of sentences.
    """

    weight: float = Field(0.9, ge=0, le=1, description="of the contrast; the task has the rest")
    temperature: float = Field(0.3, gt=0, description="lower: near rows of other labels count more")
    reads_logits: ClassVar[bool] = True
    whole_updates: ClassVar[bool] = True
    _layer: Any = PrivateAttr(None)

    def start(self, net: Net, task: Task) -> None:
        found = None if net.crf is not None else net.last_linear(task.outputs)
        if task.problem_type != "single_label_classification" or task.per_token or found is None:
            message = _("train.strategies.contrast: rows of this task have no single label.")
            raise PlanError([message])
        self._layer = found[1]

    def loss(self, inner: LossFn) -> LossFn:
        layer: nn.Module = self._layer

        def loss(net: Any, batch: Batch) -> Output:
            import torch

            caught: list[Tensor] = []
            hook = layer.register_forward_pre_hook(lambda _module, inputs: caught.append(inputs[0]))
            try:
                output = inner(net, batch)
            finally:
                hook.remove()
            vectors = caught[0].float()
            if batch.windows is not None:
                vectors = torch.segment_reduce(vectors, "mean", lengths=batch.windows, axis=0)
            assert batch.labels is not None, "strategies learn"
            apart = contrast(vectors, batch.labels, self.temperature)
            return replace(output, loss=(1 - self.weight) * output.loss + self.weight * apart)

        return loss


def contrast(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The summed loss of rows, (n, width) and (n,): -log of the softmax over the cosines to all
    other rows, mean over those of the same label; a row without one adds nothing."""
    import torch
    from torch.nn import functional

    unit = functional.normalize(vectors, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    scores = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    same = (labels[:, None] == labels[None, :]) & ~itself
    logs = scores.log_softmax(1).masked_fill(~same, 0.0)
    count = same.sum(1)
    return -(logs.sum(1) / count.clamp(min=1))[count > 0].sum()
