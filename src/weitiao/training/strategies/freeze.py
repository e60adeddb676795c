"""Layer freezing: embeddings and lower layers are not trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.tasks.base import Task
from weitiao.training.groups import depth_of, top_of
from weitiao.training.strategies.base import Strategy

if TYPE_CHECKING:
    from weitiao.model.net import Net


class Freeze(Strategy):
    """Layer freezing: embeddings and the lowest `layers` layers are not trained; no backward pass,
    no moments.

    layers: 0 freezes the embeddings alone, which in a multilingual network are most of its
    weights. When to use: little time or memory, or few rows (Lee et al. 2019).
    """

    layers: int = Field(0, ge=0, description="lowest layers that are frozen; 0: embeddings only")

    def start(self, net: Net, task: Task) -> None:
        top = top_of(net)
        if self.layers > top - 1:
            problem = _(
                "train.strategies.freeze.layers: {layers} is more than the {all} layers of this "
                "network.",
                layers=self.layers,
                all=top - 1,
            )
            raise PlanError([problem])
        for name, param in net.named_parameters():
            if depth_of(name, top) <= self.layers:
                param.requires_grad_(False)
