"""Muon for the weight matrices of the layers, AdamW for everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from weitiao.training.groups import EMBEDDINGS, HEAD, LAYER
from weitiao.training.optimizers.base import Beta, Recipe

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from weitiao.model.net import Net


class Muon(Recipe):
    """Muon (Jordan et al. 2024): the momentum of a matrix is made orthogonal before the step, so
    that all its directions move by as much, not the few strong ones alone.

    Its step has the size of AdamW's (Liu et al. 2025), so that one learning_rate serves both;
    matrix_scale makes that of the matrices higher. Vectors of words, the head, biases and norms are
    moved by AdamW.

    When to use: networks that start from nothing, which learn much faster by it. Pre-trained ones
    learned with AdamW and are fine-tuned with it.
    """

    matrix_scale: float = Field(
        4.0,
        gt=0,
        le=100,
        description="learning rate of the matrices, in multiples of learning_rate",
    )
    momentum: Beta = Field(0.95, description="decay of the mean of the gradients of a matrix")
    betas: tuple[Beta, Beta] = Field(
        (0.9, 0.999), description="of AdamW: decay of the mean of the gradients and their squares"
    )
    eps: float = Field(1e-8, gt=0, description="added to AdamW's denominator")
    _matrices: set[Tensor] = PrivateAttr(default_factory=set)

    def start(self, net: Net) -> None:
        self._matrices = {
            param
            for name, param in net.named_parameters()
            if param.ndim == 2 and LAYER.search(name) and not _apart(name)
        }

    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        from weitiao.training.muon_adamw import MuonAdamW

        return MuonAdamW(
            groups, self._matrices, self.matrix_scale, self.momentum,
            betas=self.betas, eps=self.eps, fused=True,
        )  # fmt: skip


def _apart(name: str) -> bool:
    """Parameters whose name has the number of a layer and that are no matrices of it."""
    return bool(EMBEDDINGS.search(name) or HEAD.search(name))
