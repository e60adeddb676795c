"""A learned mean of all layers, in place of the last one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from weitiao.model.heads.base import Head, Pooling, Shape, pooling_of

if TYPE_CHECKING:
    from torch import nn


class WeightedLayers(Head):
    """A scalar mix of the embeddings and all layers (Peters et al. 2018), pooled, then one linear
    layer. It needs every layer, so own kernels do not run it.

    When to use: frozen or few trained layers, or questions of wording that upper layers forget.
    """

    every_layer: ClassVar[bool] = True
    pooling: Pooling = Field(
        "auto", description="which tokens; auto: the last of decoders and XLNet, else the mean"
    )

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.pooling import Mix, Pool, Stacked, linear

        pool = Pool(pooling_of(self.pooling, shape), shape.width)
        out = linear(shape.width, shape.outputs, shape.spread)
        return Stacked(pool, out, nn.Dropout(shape.dropout), Mix(shape.layers))
