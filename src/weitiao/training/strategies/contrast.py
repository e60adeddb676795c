"""Supervised contrast: rows of one label are drawn together, others apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PrivateAttr

from weitiao.errors import PlanError
from weitiao.example import Batch, Output
from weitiao.i18n.messages import _
from weitiao.losses.base import weighted_sum
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
            assert batch.labels is not None, "strategies learn"
            # A strategy inside, such as R-Drop, may run the rows several times at once.
            rows = len(batch.labels) if batch.windows is None else int(batch.windows.sum())
            times = len(vectors) // rows
            if batch.windows is not None:
                windows = batch.windows.repeat(times)
                vectors = torch.segment_reduce(vectors, "mean", lengths=windows, axis=0)
            labels = torch.cat([batch.labels] * times)
            weights = None if batch.weights is None else batch.weights.repeat(times)
            apart = contrast(vectors, labels, self.temperature, weights) / times
            return replace(output, loss=(1 - self.weight) * output.loss + self.weight * apart)

        return loss


def contrast(
    vectors: Tensor, labels: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """The summed loss of rows (n, width): -log of the softmax over the cosines to all other rows,
    mean over those of the same label; a row without one adds nothing.

    labels: (n,), or (n, outputs): the share of each label, and two rows count as far as both draw
    the same one. weights: (n,), of the rows; one of weight 0 is not there.
    """
    import torch
    from torch.nn import functional

    if weights is not None:
        there = weights > 0
        vectors, labels, weights = vectors[there], labels[there], weights[there]
    unit = functional.normalize(vectors, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    scores = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    shares = labels.float() if labels.is_floating_point() else None
    same = (labels[:, None] == labels[None, :]).float() if shares is None else shares @ shares.T
    same = same.masked_fill(itself, 0.0)
    logs = scores.log_softmax(1).masked_fill(same == 0, 0.0)
    count = same.sum(1)
    means = (same * logs).sum(1) / count.masked_fill(count == 0, 1.0)
    return -weighted_sum(means, weights)
