"""The cosine of two texts that were read apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.model.heads.base import Head, Pooling, Shape, pooling_of

if TYPE_CHECKING:
    from torch import nn


class Cosine(Head):
    """How alike the vectors of two texts are, -1 to 1; nothing is learned in the head itself. Only
    for the task `similarity` with `way: cosine`, which takes it by itself.

    When to use: to choose how the vectors are pooled.
    """

    pooling: Pooling = Field(
        "auto", description="which tokens; auto: the last of decoders and XLNet, else the mean"
    )

    def module(self, shape: Shape) -> nn.Module:
        from weitiao.model.pooling import Cosines, Pool, Stacked

        return Stacked(Pool(pooling_of(self.pooling, shape), shape.width), Cosines())
