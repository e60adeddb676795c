"""Base class of optimizers: a recipe builds a torch optimizer from parameter groups."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from weitiao.parts import Part

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from weitiao.model.net import Net


Beta = Annotated[float, Field(ge=0, lt=1)]


class Recipe(Part):
    """Settings of an optimizer. Learning rate and weight decay of each group come from the plan."""

    def start(self, net: Net) -> None:
        """See the network before training, and before it is wrapped for several processes."""

    @property
    def shards(self) -> bool:
        """Whether it is correct with FSDP-sharded weights, where each process holds a part of every
        weight: each number must be updated by itself alone."""
        return False

    @abstractmethod
    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        """The torch optimizer; `groups` hold params, lr and weight_decay."""
