"""Training batches with length buckets: which rows make up each update, in which micro-batches.

The order is a pure function of (seed, update, world size, lengths). The rows of all epochs are one
long stream: one permutation after another. Update u takes rows u * batch_size up to
(u + 1) * batch_size of it, so every update has exactly `batch_size` rows and any update can be
computed without the ones before: a resumed run needs no iterator state.

With length bucketing (for padded batches), rows of similar length share an update, so nearly
nothing is padded; the composition and the order of the updates are drawn for each epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from weitiao.core import fingerprint
from weitiao.core.ragged import Ragged, values_of
from weitiao.data.cache.encoded import Encoded
from weitiao.model.batching import fill

BUCKET_UPDATES = 128  # whose rows are sorted together: more pad less, fewer mix more
# Tokens, and proportion of a length, either way. A proportion alone (2 %) left short rows in the
# same company in every epoch; this mixes them for 0.8 points more padding (dev/LOG.md).
LENGTH_NOISE = (0.5, 0.01)


@dataclass(frozen=True)
class Feed:
    """Encoded rows with their labels: for training as `Task.labels_for` gives them, for evaluation
    as `Task.gold` does. weights: how much each counts in the loss, (labels,); None: all alike."""

    encoded: Encoded
    labels: Any
    weights: np.ndarray | None = None

    def counted(self, positions: np.ndarray) -> tuple[Tensor, ...]:
        """The labels of these rows, and their weights where there are any, as `Loss.count` reads
        them."""
        labels = self.labels[positions]
        values = torch.from_numpy(values_of(labels))
        if self.weights is None:
            return (values,)
        weights = self.weights[positions].astype(np.float32)
        if isinstance(labels, Ragged):
            weights = np.repeat(weights, labels.lengths)
        return values, torch.from_numpy(weights)

    def fingerprint(self) -> str:
        """A hash of all token ids and labels."""
        encoded = self.encoded
        arrays = [encoded.offsets, *([] if encoded.firsts is None else [encoded.firsts])]
        arrays += [encoded.values[name] for name in sorted(encoded.values)]
        arrays += [] if self.weights is None else [self.weights]
        contents = (np.ascontiguousarray(array).data for array in arrays)
        return fingerprint.of_chunks(chain(_bytes_of(values_of(self.labels)), contents), size=8)


def _bytes_of(labels: Any) -> Iterator[bytes]:
    """The content of labels of any task: arrays of numbers, dataclasses, nested lists."""
    if isinstance(labels, np.ndarray) and labels.dtype != object:
        yield np.ascontiguousarray(labels).tobytes()
    elif is_dataclass(labels):
        for one in fields(labels):
            yield from _bytes_of(getattr(labels, one.name))
    elif isinstance(labels, (np.ndarray, list, tuple)):
        for one in labels:
            yield from _bytes_of(one)
        # The length closes each list: [[1], [2]] and [[1, 2]] must not hash alike.
        yield b"%d" % len(labels)
    else:
        yield repr(labels).encode("utf-8")


def updates_of(validation: Feed, train: Feed, batch_size: int) -> float:
    """The cost of one evaluation, measured in updates that take as long.

    Both are counted by tokens; forward and backward cost about three times the forward pass
    (Kaplan et al. 2020).
    """
    update = train.encoded.offsets[-1] / len(train.labels) * batch_size
    return float(validation.encoded.offsets[-1] / (3 * max(update, 1)))


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows of one forward pass. `real` is False for a stand-in with weight 0: under DDP every
    process must run the same number of backward passes, or the others wait for its gradients."""

    positions: np.ndarray
    real: bool = True


@dataclass
class Stream:
    """The order of the training rows for a whole run.

    lengths: tokens of each row. micro_batch_tokens: maximum tokens per forward pass. buckets: rows
    of similar length share an update; not for a contrastive loss, which must see any rows.
    """

    lengths: np.ndarray
    seed: int
    batch_size: int
    micro_batch_tokens: int
    packed: bool
    buckets: bool = False
    _orders: dict[int, np.ndarray] = field(default_factory=dict)

    def rows_of(self, update: int) -> np.ndarray:
        """The positions of the rows of one update, over all processes."""
        n = len(self.lengths)
        places = np.arange(update * self.batch_size, (update + 1) * self.batch_size)
        epochs = places // n
        # Only the epochs of this update stay in memory: an order of a million rows takes 8 MB.
        self._orders = {e: self._order(e) for e in np.unique(epochs).tolist()}
        pairs = zip(epochs.tolist(), places.tolist(), strict=True)
        return np.array([self._orders[epoch][place % n] for epoch, place in pairs])

    def micros(self, update: int, world: int = 1) -> list[list[MicroBatch]]:
        """The micro-batches of one update, for every process; all have equally many."""
        rows = self.rows_of(update)
        # Dealt out like cards, the longest first: every process gets about as many tokens.
        longest_first = rows[np.argsort(-self.lengths[rows], kind="stable")]
        by_rank = [self._cut(longest_first[rank::world]) for rank in range(world)]
        count = max(len(groups) for groups in by_rank)
        return [_even(groups, count, rows) for groups in by_rank]

    def _order(self, epoch: int) -> np.ndarray:
        if epoch in self._orders:
            return self._orders[epoch]
        # A generator of its own for each epoch: none of the draws before have to be repeated, and
        # the global RNGs, which dropout draws from, are not touched.
        rng = np.random.default_rng([self.seed, epoch])
        rows = rng.permutation(len(self.lengths))
        return self._bucketed(rows, epoch, rng) if self.buckets else rows

    def _bucketed(self, rows: np.ndarray, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """The rows of an epoch, so that each whole update has rows of like length.

        An epoch may begin and end inside an update: those two pieces are the shortest rows of a
        pool, where one length or another pads the least.
        """
        n, size = len(rows), self.batch_size
        # The epoch begins at place epoch * n of the stream, (epoch * n) % size rows into an update.
        # `head` rows finish the update that the epoch before began; the rest of `pieces` begin one
        # that the next epoch finishes. Whole updates lie between them.
        head = min(-epoch * n % size, n)
        pieces = head + (n - head) % size
        pools = np.array_split(
            np.arange((n - pieces) // size), max(1, round(n / (BUCKET_UPDATES * size)))
        )
        ends = pieces + size * np.cumsum([len(pool) for pool in pools])
        # Sorting by exact length would make every epoch's updates the same rows again. The pools
        # are pieces of the permutation, so each has rows of all lengths.
        noise = (LENGTH_NOISE[0] + LENGTH_NOISE[1] * self.lengths) * rng.uniform(-1, 1, n)
        sizes = self.lengths + noise
        sorted_rows = [p[np.argsort(sizes[p], kind="stable")] for p in np.split(rows, ends[:-1])]
        flat = np.concatenate(sorted_rows)
        updates = flat[pieces:].reshape(-1, size)
        mixed = updates[rng.permutation(len(updates))].ravel()
        return np.concatenate([flat[:head], mixed, flat[head:pieces]])

    def _cut(self, rows: np.ndarray) -> list[np.ndarray]:
        order = np.arange(len(rows))
        groups = fill(order, self.lengths[rows], self.micro_batch_tokens, self.packed)
        return [rows[group] for group in groups]


def _even(own: Sequence[np.ndarray], count: int, rows: np.ndarray) -> list[MicroBatch]:
    """Exactly `count` micro-batches: large ones are split, then stand-ins fill up."""
    groups = list(own)
    while len(groups) < count and any(len(group) > 1 for group in groups):
        at = max(range(len(groups)), key=lambda i: len(groups[i]))
        half = (len(groups[at]) + 1) // 2
        groups[at : at + 1] = [groups[at][:half], groups[at][half:]]
    micros = [MicroBatch(group) for group in groups]
    return micros + [MicroBatch(rows[-1:], real=False)] * (count - len(micros))
