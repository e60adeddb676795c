"""A small network on the vector of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from weitiao.model.heads.base import Head, Pooling, Shape, pooling_of

if TYPE_CHECKING:
    from torch import nn


class MultiLayer(Head):
    """Hidden layers, each with an activation and dropout, before the last linear one.

    When to use: many rows and labels that no straight line parts; few rows are better off with
    one layer.
    """

    pooling: Pooling = Field(
        "auto", description="which tokens; auto: the last of decoders and XLNet, else the mean"
    )
    depth: int = Field(1, ge=1, le=8, description="hidden layers")
    width: int = Field(0, ge=0, le=65_536, description="of hidden layers; 0: as the network's")
    activation: Literal["tanh", "gelu", "relu"] = Field("tanh", description="after hidden layers")

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.pooling import Pool, Stacked, linear

        bend = {"tanh": nn.Tanh, "gelu": nn.GELU, "relu": nn.ReLU}[self.activation]
        inner: list[nn.Module] = [nn.Dropout(shape.dropout)]
        width = shape.width
        for _ in range(self.depth):
            wider = self.width or shape.width
            inner += [linear(width, wider, shape.spread), bend(), nn.Dropout(shape.dropout)]
            width = wider
        pool = Pool(pooling_of(self.pooling, shape), shape.width)
        out = linear(width, shape.outputs, shape.spread)
        return Stacked(pool, out, nn.Sequential(*inner))
