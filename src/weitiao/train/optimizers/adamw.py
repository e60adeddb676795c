"""AdamW, the default for fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from weitiao.train.optimizers.base import Recipe, Share

if TYPE_CHECKING:
    from torch.optim import Optimizer


class AdamW(Recipe):
    """Adam with *decoupled* weight decay (Loshchilov and Hutter 2019): the weights shrink by
    lr * weight_decay beside the gradient step.

    The bias of the moments is corrected: without that, runs on few rows often fail (Mosbach et
    al. 2021, Zhang et al. 2021).
    """

    betas: tuple[Share, Share] = Field(
        (0.9, 0.999), description="decay of the mean of the gradients, and of their squares"
    )
    eps: float = Field(1e-8, gt=0, description="keeps a division by zero away")

    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        from torch.optim import AdamW as Torch

        return Torch(groups, betas=self.betas, eps=self.eps, fused=True)
