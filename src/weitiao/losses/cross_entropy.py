"""Cross-entropy: the cost of one label out of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100


class CrossEntropy(Loss):
    """Minus the log-probability of the right label; the default for choosing one label.

    label_smoothing: share of the target spread over all labels (Szegedy et al. 2016); helps when
    labels are noisy. weights: one a label, filled in from `train.class_weights`.
    """

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of the target spread over all labels"
    )
    weights: tuple[float, ...] = Field((), description="set by train.class_weights")

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(
            logits.flatten(0, -2),
            labels.flatten(),
            weight=self._weights(logits),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )

    def count(self, labels: Tensor) -> Tensor:
        kept = labels[labels != IGNORED]
        if not self.weights:
            return labels.new_tensor(kept.numel()).float()
        import torch

        return torch.tensor(self.weights, device=labels.device)[kept].sum()

    def _weights(self, logits: Tensor) -> Tensor | None:
        return logits.new_tensor(self.weights) if self.weights else None
