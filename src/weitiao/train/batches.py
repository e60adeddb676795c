"""Which rows make up each update: a pure function of (seed, update, world size, lengths).

The rows of all epochs are one long stream: one permutation after another. Update u takes rows
u * batch_size up to (u + 1) * batch_size of it, so every update has exactly `batch_size` rows and
any update can be worked out without the ones before: a resumed run needs no iterator state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from weitiao.model.batching import fill


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
    """

    lengths: np.ndarray
    seed: int
    batch_size: int
    micro_batch_tokens: int
    packed: bool
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
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths))

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
