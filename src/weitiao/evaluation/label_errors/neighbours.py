"""Nearest neighbours in vectors of texts: how many of them have the label of a row."""

from __future__ import annotations

import numpy as np

NEAREST = 10
BLOCK = 1_000  # rows whose similarities are in memory at once


def nearest(vectors: np.ndarray, groups: np.ndarray, count: int = NEAREST) -> np.ndarray:
    """(rows, count) positions of the nearest other rows by centred cosine, the nearest first.

    groups: rows of one group (equal texts) are no neighbours. -1 where there are fewer.
    """
    centred = vectors - vectors.mean(0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    unit = unit.astype(np.float32)
    rows, count = len(unit), min(count, max(len(unit) - 1, 1))
    places = np.full((rows, count), -1)
    for start in range(0, rows, BLOCK):
        block = slice(start, min(start + BLOCK, rows))
        similar = unit[block] @ unit.T
        similar[groups[block][:, None] == groups[None]] = -np.inf
        best = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(similar, best, 1)
        order = np.argsort(-values, axis=1, kind="stable")
        best = np.take_along_axis(best, order, 1)
        found = np.isfinite(np.take_along_axis(values, order, 1))
        places[block] = np.where(found, best, -1)
    return places


def shares(places: np.ndarray, labels: np.ndarray, outputs: int) -> np.ndarray:
    """(rows, outputs) shares of the labels among the neighbours, smoothed by one prior row."""
    counts = np.zeros((len(places), outputs))
    for column in places.T:
        known = column >= 0
        np.add.at(counts, (np.flatnonzero(known), labels[column[known]]), 1)
    prior = np.bincount(labels, minlength=outputs) / max(len(labels), 1)
    return np.asarray((counts + prior) / (counts.sum(1, keepdims=True) + 1))
