"""The layers that heads are made of: tokens of many rows to one vector a row, and on to numbers.

Padded and packed batches become the same thing first: tokens end to end, and how many each row has.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn


class Tokens:
    """Which tokens belong to which row, in a padded (`mask`) or packed (`lengths`) batch."""

    def __init__(self, mask: Tensor | None, lengths: Tensor | None) -> None:
        self.mask = None if mask is None else mask.bool()
        if lengths is None:
            assert self.mask is not None, "a batch has a mask or lengths"
            lengths = self.mask.sum(1)
        self.lengths = lengths  # (rows,)

    @cached_property
    def owner(self) -> Tensor:
        """(tokens,) the row of each token."""
        rows = torch.arange(len(self.lengths), device=self.lengths.device)
        return torch.repeat_interleave(rows, self.lengths)

    @cached_property
    def ends(self) -> Tensor:
        """(rows,) one past the last token of each row."""
        return self.lengths.cumsum(0)

    def flat(self, hidden: Tensor) -> Tensor:
        """(rows, longest, width) or (1, tokens, width) -> (tokens, width), without padding."""
        return (hidden[0] if self.mask is None else hidden[self.mask]).float()

    def sums(self, flat: Tensor) -> Tensor:
        """(tokens, width) -> (rows, width)."""
        return flat.new_zeros(len(self.lengths), flat.shape[1]).index_add(0, self.owner, flat)

    def shares(self, scores: Tensor) -> Tensor:
        """(tokens,) -> (tokens,) that sum to 1 in each row."""
        worst = scores.new_full((len(self.lengths),), -torch.inf)
        worst = worst.scatter_reduce(0, self.owner, scores.detach(), "amax")
        raised = (scores - worst[self.owner]).exp()
        return raised / self.sums(raised[:, None])[self.owner, 0]


class Pool(nn.Module):
    """One vector a row: its first or last token, the mean or maximum of all, or learned shares."""

    def __init__(self, pooling: str, width: int) -> None:
        super().__init__()
        self.pooling = pooling
        self.scores = nn.Linear(width, 1) if pooling == "attention" else None

    def forward(self, hidden: Tensor, tokens: Tokens) -> Tensor:
        flat = tokens.flat(hidden)
        if self.pooling == "first":
            return flat.index_select(0, tokens.ends - tokens.lengths)
        if self.pooling == "last":
            return flat.index_select(0, tokens.ends - 1)
        if self.pooling == "max":
            lowest = flat.new_full((len(tokens.lengths), flat.shape[1]), -torch.inf)
            owner = tokens.owner[:, None].expand_as(flat)
            return lowest.scatter_reduce(0, owner, flat, "amax")
        if self.scores is not None:
            return tokens.sums(flat * tokens.shares(self.scores(flat)[:, 0])[:, None])
        return tokens.sums(flat) / tokens.lengths[:, None]


class Mix(nn.Module):
    """All layers as one: a learned mean, times a learned factor (Peters et al. 2018)."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        shares = self.weights.softmax(0)
        mixed = sum(share * layer.float() for share, layer in zip(shares, layers, strict=True))
        assert isinstance(mixed, Tensor)
        return self.factor * mixed


class Samples(nn.Module):
    """One linear layer under several masks of dropout, averaged (Inoue 2019)."""

    def __init__(self, width: int, outputs: int, samples: int, dropout: float) -> None:
        super().__init__()
        self.samples, self.dropout = samples, nn.Dropout(dropout)
        self.linear = nn.Linear(width, outputs)

    def forward(self, pooled: Tensor) -> Tensor:
        if not self.training:
            return self.linear(pooled)
        each = [self.linear(self.dropout(pooled)) for _ in range(self.samples)]
        return torch.stack(each).mean(0)


class Cosines(nn.Module):
    """Rows are pairs, one text after the other: (2 * rows, width) -> (rows, 1)."""

    def forward(self, pooled: Tensor) -> Tensor:
        return torch.cosine_similarity(pooled[0::2], pooled[1::2], dim=1)[:, None]


class Stacked(nn.Module):
    """A head: maybe a mix of layers, a pool, layers in between, and what gives the numbers."""

    def __init__(
        self, pool: Pool, out: nn.Module, inner: nn.Module | None = None, mix: Mix | None = None
    ) -> None:
        super().__init__()
        self.mix = mix
        self.pool = pool
        self.inner = inner or nn.Identity()
        self.out = out

    def forward(self, layers: Sequence[Tensor], tokens: Tokens) -> Tensor:
        hidden = layers[-1] if self.mix is None else self.mix(layers)
        logits: Tensor = self.out(self.inner(self.pool(hidden, tokens)))
        return logits


class Each(nn.Module):
    """A head for tokens: dropout and a linear layer on each of them."""

    def __init__(self, out: nn.Linear, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Dropout(dropout)
        self.out = out

    def forward(self, layers: Sequence[Tensor], tokens: Tokens) -> Tensor:
        logits: Tensor = self.out(self.inner(layers[-1].float()))
        return logits


def linear(width: int, outputs: int, spread: float) -> nn.Linear:
    """A fresh layer as transformers draws them: small numbers, no bias."""
    layer = nn.Linear(width, outputs)
    nn.init.normal_(layer.weight, std=spread)
    nn.init.zeros_(layer.bias)
    return layer
