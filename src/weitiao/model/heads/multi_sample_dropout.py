"""One linear layer that learns from several dropout masks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.model.heads.base import Head, Pooling, Shape, pooling_of

if TYPE_CHECKING:
    from torch import nn


class MultiSampleDropout(Head):
    """The mean of a linear layer over several dropout masks (Inoue 2019); nearly free, since the
    network below runs once.

    When to use: few rows, where the score depends on the seed.
    """

    pooling: Pooling = Field(
        "auto", description="which tokens; auto: the last of decoders and XLNet, else the mean"
    )
    samples: int = Field(5, ge=2, le=64, description="masks that are averaged")
    dropout: float = Field(0.3, gt=0, lt=1, description="of each mask")

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.pooling import Pool, Samples, Stacked

        pool = Pool(pooling_of(self.pooling, shape), shape.width)
        out = Samples(shape.width, shape.outputs, self.samples, self.dropout)
        nn.init.normal_(out.linear.weight, std=shape.spread)
        nn.init.zeros_(out.linear.bias)
        return Stacked(pool, out)
