"""Information density (Settles and Craven 2008): unsure rows that stand for many others."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from weitiao.annotation.choose.base import Candidates, Order, descending
from weitiao.annotation.choose.uncertainty import margins

NEIGHBOURS = 20
MOST_REFERENCES = 2_000  # rows among which neighbours are looked for; of more, a random sample
CHUNK_ROWS = 2_000


class Density(Order):
    """Unsure rows that many others are like: 1 less the margin, times the density of the vectors
    there. When to use: by default; the margin alone often asks for odd rows."""

    power: float = Field(0.5, ge=0, le=4, description="of the density; 0: the margin alone")

    def rank(self, rows: Candidates) -> np.ndarray:
        weights = densities(rows.features, rows.rng) ** self.power
        return descending((1.0 - margins(rows.scores)) * weights, rows.rng)


def densities(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mean cosine of each row with its nearest rows, (n,), at least 0."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, 1e-12)
    count = min(MOST_REFERENCES, len(unit))
    references = unit[rng.choice(len(unit), count, replace=False)]
    nearest = min(NEIGHBOURS + 1, count)  # a reference is its own nearest, and left out
    found = []
    for start in range(0, len(unit), CHUNK_ROWS):
        near = unit[start : start + CHUNK_ROWS] @ references.T
        top = np.partition(near, count - nearest, axis=1)[:, count - nearest :]
        found.append((top.sum(1) - top.max(1)) / max(nearest - 1, 1))
    return np.asarray(np.clip(np.concatenate(found), 0.0, None))
