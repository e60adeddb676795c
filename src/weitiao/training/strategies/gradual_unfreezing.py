"""Gradual unfreezing: the head learns first, then one more layer at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from weitiao.training.groups import Group
from weitiao.training.strategies.base import Strategy


class GradualUnfreezing(Strategy):
    """Gradual unfreezing: from the head down, layers join at even intervals (Howard and Ruder
    2018).

    until: the share of the run after which the embeddings learn too. Layers that have not joined
    have rate 0. When to use: few rows, large rates, or a head that starts far off.
    """

    shards: ClassVar[bool] = True
    until: float = Field(0.5, gt=0, le=1, description="of the run: then everything learns")

    def groups(self, groups: list[Group]) -> list[Group]:
        top = max(group.depth for group in groups)
        return [
            replace(g, scale=_from(self.until * (top - g.depth) / max(top, 1), g.scale))
            for g in groups
        ]


def _from(start: float, inner: Callable[[float], float]) -> Callable[[float], float]:
    return lambda progress: inner(progress) if progress >= start else 0.0
