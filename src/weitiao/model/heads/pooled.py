"""One vector a row, dropout, one linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.model.heads.base import Head, Pooling, Shape, pooling_of

if TYPE_CHECKING:
    from torch import nn


class Pooled(Head):
    """A linear layer on the first or last token, the mean, the maximum, or learned shares.

    When to use: `mean` for checkpoints trained for sentence vectors (MiniLM, E5, MPNet), whose
    first token was never meant to stand for the text.
    """

    pooling: Pooling = Field(
        "auto", description="which tokens; auto: the last of decoders and XLNet, else the mean"
    )

    def module(self, shape: Shape) -> nn.Module:
        from torch import nn

        from weitiao.model.pooling import Pool, Stacked, linear

        pool = Pool(pooling_of(self.pooling, shape), shape.width)
        out = linear(shape.width, shape.outputs, shape.spread)
        return Stacked(pool, out, nn.Dropout(shape.dropout))
