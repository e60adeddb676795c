"""Hard negatives of retrieval: for each question the nearest wrong passage, before training.

Nearer than nearly the right one, a passage is probably right as well and was only not marked: those
are left out (positive-aware mining, Moreira et al. 2024).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from weitiao.model.model import Model
from weitiao.training.batches import Feed

MOST_ROWS = 50_000  # among whose passages negatives are looked for
CHUNK = 256  # questions whose similarities are in memory at once
PROBABLY_RIGHT = 0.95  # of the right passage's similarity


def with_hard_negatives(model: Model, feed: Feed) -> Feed:
    """The rows with a hard negative each, found by the network as it is now."""
    labels = np.array(feed.labels)
    rows = np.arange(min(len(labels), MOST_ROWS))
    vectors = model.logits(feed.encoded, positions=rows)
    width = vectors.shape[1] // 2
    questions, passages = vectors[:, :width], vectors[:, width:]
    numbers, asked = labels[rows, 0], labels[rows, 1]
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        similar = questions[part] @ passages.T
        own = similar[np.arange(len(part)), part]
        right = numbers[part][:, None] == numbers[None, :]
        right |= asked[part][:, None] == asked[None, :]
        nearest = np.where(right | (similar > PROBABLY_RIGHT * own[:, None]), -np.inf, similar)
        best = nearest.argmax(1)
        found = np.isfinite(nearest[np.arange(len(part)), best])
        hard = np.column_stack([best, numbers[best], asked[best]])
        labels[part, 2:] = np.where(found[:, None], hard, -1)
    return replace(feed, labels=labels)
