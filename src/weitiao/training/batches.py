"""Which rows make up each update: a pure function of (seed, update, world size, lengths).

The rows of all epochs are one long stream: one permutation after another. Update u takes rows
u * batch_size up to (u + 1) * batch_size of it, so every update has exactly `batch_size` rows and
any update can be worked out without the ones before: a resumed run needs no iterator state.

In buckets (for padded batches), rows of like length share an update, so nearly nothing is padded;
which ones, and in which order the updates come, is drawn anew for each epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from weitiao.model.batching import fill

POOL = 128  # updates whose rows are sorted together: more pad less, fewer mix more
NOISE = (0.5, 0.01)  # tokens, and share of a length, either way: neighbours change places


@dataclass(frozen=True, slots=True)
class Micro:
    """Rows that go through the network at once. `real` is False for a stand-in, which a process
    runs with weight 0 so that all processes have equally many."""

    positions: np.ndarray
    real: bool = True


@dataclass
class Stream:
    """The order of the rows for a whole run.

    lengths: tokens of each training row. micro_batch_tokens bounds what goes through at once.
    buckets: rows of like length share an update; not for a loss that compares the rows of a batch
    with each other, which must be any rows.
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
        self._orders = {e: self._order(e) for e in np.unique(epochs).tolist()}
        pairs = zip(epochs.tolist(), places.tolist(), strict=True)
        return np.array([self._orders[epoch][place % n] for epoch, place in pairs])

    def micros(self, update: int, world: int = 1) -> list[list[Micro]]:
        """The micro-batches of one update, for every process; all have equally many."""
        rows = self.rows_of(update)
        longest_first = rows[np.argsort(-self.lengths[rows], kind="stable")]
        shares = [self._cut(longest_first[rank::world]) for rank in range(world)]
        count = max(len(share) for share in shares)
        return [_even(share, count, rows) for share in shares]

    def _order(self, epoch: int) -> np.ndarray:
        if epoch in self._orders:
            return self._orders[epoch]
        rng = np.random.default_rng([self.seed, epoch])
        rows = rng.permutation(len(self.lengths))
        return self._bucketed(rows, epoch, rng) if self.buckets else rows

    def _bucketed(self, rows: np.ndarray, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """The rows of an epoch, so that each whole update has rows of like length.

        An epoch may begin and end inside an update: those two pieces are the shortest rows of a
        pool, where one length or another pads the least.
        """
        n, size = len(rows), self.batch_size
        head = min(-epoch * n % size, n)
        pieces = head + (n - head) % size  # rows in updates that another epoch has a part in
        pools = np.array_split(np.arange((n - pieces) // size), max(1, round(n / (POOL * size))))
        ends = pieces + size * np.cumsum([len(pool) for pool in pools])
        noise = (NOISE[0] + NOISE[1] * self.lengths) * rng.uniform(-1, 1, n)
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


def _even(share: Sequence[np.ndarray], count: int, rows: np.ndarray) -> list[Micro]:
    """Exactly `count` micro-batches: large ones are split, then stand-ins fill up."""
    groups = list(share)
    while len(groups) < count and any(len(group) > 1 for group in groups):
        at = max(range(len(groups)), key=lambda i: len(groups[i]))
        half = (len(groups[at]) + 1) // 2
        groups[at : at + 1] = [groups[at][:half], groups[at][half:]]
    micros = [Micro(group) for group in groups]
    return micros + [Micro(rows[-1:], real=False)] * (count - len(micros))
