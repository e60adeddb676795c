"""Stochastic gradient descent (SGD) with momentum, and L2 regularization in the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from weitiao.i18n.messages import _
from weitiao.training.optimizers.base import Recipe

if TYPE_CHECKING:
    from torch.optim import Optimizer


class SGD(Recipe):
    """Stochastic gradient descent (SGD); weight_decay is *coupled* L2, added to the gradient.

    Needs a far higher learning_rate than AdamW (about 1e-2) and is seldom better for transformers;
    it keeps one number a weight (none without momentum) instead of two.
    """

    momentum: float = Field(
        0.9, ge=0, lt=1, description="proportion of the last step that is added to the next"
    )
    nesterov: bool = Field(False, description="look ahead along the momentum")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError(_("nesterov needs a momentum above 0."))
        return self

    @property
    def shards(self) -> bool:
        return True

    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        from torch.optim import SGD as Torch

        # lr is a placeholder: each group brings its own.
        return Torch(groups, lr=0.0, momentum=self.momentum, nesterov=self.nesterov)
