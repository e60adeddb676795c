"""Heads for tokens: logits for each token, alone (`per_token`) or as a chain (`crf`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from weitiao.model.heads.base import Head, Shape
from weitiao.tasks.base import HeadKind

if TYPE_CHECKING:
    from torch import nn


class PerToken(Head):
    """Token classification head: dropout and a linear layer on each token, for tags and passages.

    When to use: never by hand; families without a native head for tokens take it by themselves.
    """

    task_heads: ClassVar[tuple[HeadKind, ...]] = ("tokens", "spans")

    def module(self, shape: Shape) -> nn.Module:
        from weitiao.model.head_layers import TokenClassifier, linear

        out = linear(shape.width, shape.outputs, shape.initializer_range)
        return TokenClassifier(out, shape.dropout)


class Crf(Head):
    """Linear-chain conditional random field (CRF, Lafferty et al. 2001) over the words of a text:
    the whole tag sequence is learned, and each word's tag is predicted by its marginal probability.

    When to use: tagging with few rows, long spans, or many errors at the ends of spans; with the
    strategy head_rate, which plans for tagging have: at the network's rate the chain stands still.
    """

    task_heads: ClassVar[tuple[HeadKind, ...]] = ("tokens",)

    def module(self, shape: Shape) -> nn.Module:
        from weitiao.model.crf import LinearChainCrf

        return LinearChainCrf(shape.width, shape.outputs, shape.dropout, shape.initializer_range)
