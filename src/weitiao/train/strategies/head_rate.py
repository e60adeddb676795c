"""A learning rate of its own for the head, which starts from nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from weitiao.train.groups import Group
from weitiao.train.strategies.base import Strategy


class HeadRate(Strategy):
    """The head has its own, higher rate, as usual for taggers on pre-trained networks.

    When to use: tags or passages with few updates, above all on networks trained for sentence
    vectors (E5, MiniLM), whose tokens hardly differ in size.
    """

    shards: ClassVar[bool] = True
    learning_rate: float = Field(1e-2, gt=0, le=10, description="highest rate of the head")

    def groups(self, groups: list[Group]) -> list[Group]:
        top = max(group.depth for group in groups)
        return [
            replace(g, learning_rate=self.learning_rate) if g.depth == top else g for g in groups
        ]
