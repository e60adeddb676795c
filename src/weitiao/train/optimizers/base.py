"""An optimizer part makes a torch optimizer from parameter groups."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from weitiao.parts import Part

if TYPE_CHECKING:
    from torch.optim import Optimizer


Share = Annotated[float, Field(ge=0, lt=1)]


class Recipe(Part):
    """Settings of an optimizer. The rate and the decay of each group come from the plan."""

    @abstractmethod
    def optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        """The torch optimizer; `groups` hold params, lr and weight_decay."""
