"""Numbers for each token, by one linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from weitiao.model.heads.base import Head, Shape
from weitiao.tasks.base import HeadKind

if TYPE_CHECKING:
    from torch import nn


class PerToken(Head):
    """Dropout and a linear layer on each token, for tags and passages.

    When to use: never by hand; families without a native head for tokens take it by themselves.
    """

    task_heads: ClassVar[tuple[HeadKind, ...]] = ("tokens", "spans")

    def module(self, shape: Shape) -> nn.Module:
        from weitiao.model.pooling import Each, linear

        return Each(linear(shape.width, shape.outputs, shape.spread), shape.dropout)
