"""Token-budget batching: rows grouped by length, each group for one forward pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

INFERENCE_TOKENS = 8192  # in a forward pass without gradients, where the plan says `auto`


def by_length(lengths: np.ndarray, tokens: int, packed: bool) -> Iterator[np.ndarray]:
    """Length buckets: positions grouped by length, longest first, each within the token budget.

    lengths (n,); padded groups count longest * rows, packed ones the sum. A row longer than the
    budget goes alone. Every position comes exactly once.

    >>> [group.tolist() for group in by_length(np.array([3, 9, 4, 8]), 18, False)]
    [[1, 3], [2, 0]]
    """
    order = np.argsort(-lengths, kind="stable")
    yield from fill(order, lengths, tokens, packed)


def fill(order: np.ndarray, lengths: np.ndarray, tokens: int, packed: bool) -> Iterator[np.ndarray]:
    """Greedy packing: cut `order` (positions, longest first) where the token budget is full."""
    # The first row of a group is its longest: a padded group costs that length for every row.
    start, used = 0, 0
    for i, position in enumerate(order):
        size = int(lengths[position])
        cost = used + size if packed else int(lengths[order[start]]) * (i - start + 1)
        if cost > tokens and i > start:
            yield order[start:i]
            start, used = i, 0
        used += size
    if len(order) > start:
        yield order[start:]
