"""Adam with L2 in the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from weitiao.training.optimizers.base import Recipe, Share

if TYPE_CHECKING:
    from torch.optim import Optimizer


class Adam(Recipe):
    """Adam (Kingma and Ba 2015) where weight_decay is *coupled* L2: it is added to the gradient,
    so the moments see it and it is rescaled like every other part of the gradient.

    AdamW is the better default; this one is for comparing with older work.
    """

    betas: tuple[Share, Share] = Field(
        (0.9, 0.999), description="decay of the mean of the gradients, and of their squares"
    )
    eps: float = Field(1e-8, gt=0, description="keeps a division by zero away")

    @property
    def shards(self) -> bool:
        return True

    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        from torch.optim import Adam as Torch

        return Torch(groups, betas=self.betas, eps=self.eps, fused=True)
