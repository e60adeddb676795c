"""Layer-wise learning-rate decay: the closer a layer is to the input, the lower its rate."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from weitiao.training.groups import Group
from weitiao.training.strategies.base import Strategy


class LayerDecay(Strategy):
    """Layer-wise learning-rate decay: each layer learns at `decay` times the rate of the one above
    it (Howard and Ruder 2018).

    When to use: few rows, or a deep network whose lower layers should keep what they know.
    """

    shards: ClassVar[bool] = True
    decay: float = Field(0.9, gt=0, le=1, description="of the rate, for each layer further down")

    def groups(self, groups: list[Group]) -> list[Group]:
        top = max(group.depth for group in groups)
        return [
            replace(g, learning_rate=g.learning_rate * self.decay ** (top - g.depth))
            for g in groups
        ]
