"""Torch layers that heads are built from: pooling of tokens, mixing of layers, linear outputs.

Padded and packed batches first become the same thing: all tokens end to end, and the number of
tokens of each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn


class Tokens:
    """Row boundaries: which tokens belong to which row of a padded (`mask`) or packed batch.

    mask: (rows, longest), nonzero for tokens; lengths: (rows,), of packed batches.
    """

    def __init__(self, mask: Tensor | None, lengths: Tensor | None) -> None:
        self.mask = None if mask is None else mask.bool()
        if lengths is None:
            assert self.mask is not None, "a batch has a mask or lengths"
            lengths = self.mask.sum(1)
        self.lengths = lengths  # (rows,)

    @cached_property
    def row_ids(self) -> Tensor:
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
        """Sums over the tokens of each row: (tokens, width) -> (rows, width)."""
        return flat.new_zeros(len(self.lengths), flat.shape[1]).index_add(0, self.row_ids, flat)

    def softmax(self, scores: Tensor) -> Tensor:
        """Softmax within each row: (tokens,) -> (tokens,)."""
        # The row's maximum is subtracted against overflow. It is a constant: no gradient.
        top = scores.new_full((len(self.lengths),), -torch.inf)
        top = top.scatter_reduce(0, self.row_ids, scores.detach(), "amax")
        exponentials = (scores - top[self.row_ids]).exp()
        return exponentials / self.sums(exponentials[:, None])[self.row_ids, 0]


class Pool(nn.Module):
    """Pooling of token vectors: first or last token, mean, maximum, or attention weights.

    (rows, longest, width), or packed (1, tokens, width) -> (rows, width), in fp32.
    """

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
            row_ids = tokens.row_ids[:, None].expand_as(flat)
            return lowest.scatter_reduce(0, row_ids, flat, "amax")
        if self.scores is not None:
            return tokens.sums(flat * tokens.softmax(self.scores(flat)[:, 0])[:, None])
        return tokens.sums(flat) / tokens.lengths[:, None]


class ScalarMix(nn.Module):
    """Scalar mix of all layers: factor * sum_l softmax(weights)_l h_l (Peters et al. 2018)."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        # Of shape (1,): FSDP2 cannot shard scalars.
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        weights = self.weights.softmax(0)
        mixed = sum(weight * layer.float() for weight, layer in zip(weights, layers, strict=True))
        assert isinstance(mixed, Tensor)
        return self.factor * mixed


class MultiSampleLinear(nn.Module):
    """Multi-sample dropout: a linear layer averaged over several dropout masks (Inoue 2019)."""

    def __init__(self, width: int, outputs: int, samples: int, dropout: float) -> None:
        super().__init__()
        self.samples, self.dropout = samples, nn.Dropout(dropout)
        self.linear = nn.Linear(width, outputs)

    def forward(self, pooled: Tensor) -> Tensor:
        if not self.training:
            return self.linear(pooled)
        logits = [self.linear(self.dropout(pooled)) for _ in range(self.samples)]
        return torch.stack(logits).mean(0)


class CosineSimilarity(nn.Module):
    """Cosine similarity of pairs, one text after the other: (2 * rows, width) -> (rows, 1)."""

    def forward(self, pooled: Tensor) -> Tensor:
        return torch.cosine_similarity(pooled[0::2], pooled[1::2], dim=1)[:, None]


def identity() -> nn.Linear:
    """A linear layer from one number to itself, which learns a slope and an offset."""
    layer = nn.Linear(1, 1)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class UnitVectors(nn.Module):
    """Vectors of length 1: (rows, width) -> (rows, width). It has no weights."""

    def forward(self, pooled: Tensor) -> Tensor:
        return nn.functional.normalize(pooled.float(), dim=1)


class PooledHead(nn.Module):
    """A sequence classification head: optional mix of layers, pooling, hidden layers, logits.

    Attribute names are those of the tensors in head.safetensors.
    """

    def __init__(
        self,
        pool: Pool,
        out: nn.Module,
        inner: nn.Module | None = None,
        mix: ScalarMix | None = None,
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


class TokenClassifier(nn.Module):
    """A token classification head: dropout and a linear layer on each token."""

    def __init__(self, out: nn.Linear, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Dropout(dropout)
        self.out = out

    def forward(self, layers: Sequence[Tensor], tokens: Tokens) -> Tensor:
        logits: Tensor = self.out(self.inner(layers[-1].float()))
        return logits


def linear(width: int, outputs: int, initializer_range: float) -> nn.Linear:
    """A linear layer initialized as transformers does: N(0, initializer_range), zero bias."""
    layer = nn.Linear(width, outputs)
    nn.init.normal_(layer.weight, std=initializer_range)
    nn.init.zeros_(layer.bias)
    return layer
