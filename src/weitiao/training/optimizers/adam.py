"""Adam and AdamW, the default for fine-tuning; AdamW also with sparse updates of embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.training.optimizers.base import Beta, Recipe

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from weitiao.model.net import Net


class Adam(Recipe):
    """Adam (Kingma and Ba 2015) where weight_decay is *coupled* L2: it is added to the gradient,
    so the moments see it and it is rescaled like every other part of the gradient.

    AdamW is the better default; this one is for comparing with older work.
    """

    betas: tuple[Beta, Beta] = Field(
        (0.9, 0.999), description="decay of the mean of the gradients, and of their squares"
    )
    eps: float = Field(1e-8, gt=0, description="added to the denominator, against division by zero")

    @property
    def shards(self) -> bool:
        return True

    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        from torch.optim import Adam as Torch

        # fused: one pass over memory for weights, gradients and moments. It does not count up the
        # version of what it changes; the training loop does that for it.
        return Torch(groups, betas=self.betas, eps=self.eps, fused=True)


class AdamW(Recipe):
    """Adam with *decoupled* weight decay (Loshchilov and Hutter 2019): the weights shrink by
    lr * weight_decay beside the gradient step.

    The bias of the moments is corrected: without that, runs on few rows often fail (Mosbach et
    al. 2021, Zhang et al. 2021).

    lazy_embeddings makes the updates of the embedding table sparse: an update changes the vectors
    of the words in its rows and costs nothing for the rest of the vocabulary, which may be most of
    a network. Each vector is updated as AdamW would do in a run of just the updates that contain
    its word: its moments wait in between, where AdamW lets them decay and goes on moving the vector
    by them. The weight decay it missed is applied, exactly, at its next update. Vectors of words in
    no row keep their pre-trained values; AdamW would shrink them.
    """

    betas: tuple[Beta, Beta] = Field(
        (0.9, 0.999), description="decay of the mean of the gradients, and of their squares"
    )
    eps: float = Field(1e-8, gt=0, description="added to the denominator, against division by zero")
    lazy_embeddings: bool = Field(
        False,
        description="only move the vectors of words that stand in the rows of the update; the "
        "weight decay they missed is made up, words never seen keep their vectors",
    )

    @model_validator(mode="before")
    @classmethod
    def _old_name(cls, values: Any) -> Any:
        """Accept `touched_rows`, the name of 0.1: plans and interrupted runs have it."""
        if isinstance(values, dict) and "touched_rows" in values:
            values = dict(values)
            values.setdefault("lazy_embeddings", values.pop("touched_rows"))
        return values

    @property
    def shards(self) -> bool:
        return not self.lazy_embeddings

    def start(self, net: Net) -> None:
        if self.lazy_embeddings:
            from weitiao.training.sparse_adamw import make_sparse

            make_sparse(net)

    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        if not self.lazy_embeddings:
            from torch.optim import AdamW as Torch

            return Torch(groups, betas=self.betas, eps=self.eps, fused=True)
        from weitiao.training.sparse_adamw import LazyAdamW

        if any(group["lr"] * group["weight_decay"] >= 1 for group in groups):
            problem = _(
                "train.optimizer.adamw.lazy_embeddings: learning_rate times weight_decay must be "
                "below 1; an update would take whole weights away."
            )
            raise PlanError([problem])
        return LazyAdamW(groups, betas=self.betas, eps=self.eps, fused=True)
