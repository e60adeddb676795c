"""Exact deduplication by 128-bit hashes in NumPy: 16 bytes a row, no texts in memory.

With n rows, two different texts share a BLAKE2b hash of 128 bits with a probability of about
n^2 / 2^129: for a billion rows, 10^-21.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.core import fingerprint
from weitiao.data.files.cells import cell_texts, position_batches

SPAN = 4096  # rows whose texts are in memory at once


def text_keys(table: Any, columns: Sequence[str], positions: np.ndarray) -> np.ndarray:
    """128-bit BLAKE2b hashes of the texts of each row, (n, 2) uint64."""
    keys = np.empty((len(positions), 2), np.uint64)
    done = 0
    for span in position_batches(positions, SPAN):
        texts = [cell_texts(table.column(column), span) for column in columns]
        raw = b"".join(_hash(row) for row in zip(*texts, strict=True))
        keys[done : done + len(span)] = np.frombuffer(raw, np.uint64).reshape(-1, 2)
        done += len(span)
    return keys


def row_keys(texts: np.ndarray, targets: Sequence[Any]) -> np.ndarray:
    """Hashes of texts and target, (n, 2) uint64: equal where both are equal."""
    # XOR of two independent hashes collides no more likely than one of them, and texts need not be
    # hashed again. repr tells the number 1 from the label "1"; each distinct target of a span is
    # hashed once, since labels repeat.
    keys = texts.copy()
    for start in range(0, len(targets), SPAN):
        numbers: dict[str, int] = {}
        rows = [numbers.setdefault(repr(t), len(numbers)) for t in targets[start : start + SPAN]]
        raw = b"".join(_hash((name,)) for name in numbers)
        keys[start : start + SPAN] ^= np.frombuffer(raw, np.uint64).reshape(-1, 2)[rows]
    return keys


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """Positions (ascending) of the first row of each distinct key: the deduplicated rows."""
    order, is_new = _sorted(keys)
    starts = np.flatnonzero(is_new)
    # The sort is not stable, so the first row of a key is the minimum of its run.
    return np.sort(np.minimum.reduceat(order, starts)) if len(starts) else order


def groups_of(keys: np.ndarray) -> np.ndarray:
    """Group numbers (n,), from 0: rows with the same key have the same number."""
    order, is_new = _sorted(keys)
    groups = np.empty(len(keys), np.int64)
    groups[order] = np.cumsum(is_new) - 1
    return groups


def conflicts(texts: np.ndarray, rows: np.ndarray) -> int:
    """Number of texts with conflicting labels (more than one target)."""
    # One row of each (text, target), counted by text: more than one is a conflict.
    firsts = groups_of(texts)[first_of_each(rows)]
    return int((np.bincount(firsts, minlength=1) > 1).sum())


def is_in(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Membership test (np.isin) for 128-bit keys, (keys,) bool."""
    groups = groups_of(np.concatenate([keys, others]))
    return np.isin(groups[: len(keys)], groups[len(keys) :])


def _sorted(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort order that brings equal keys together, and where in it a new key starts."""
    order = np.argsort(np.ascontiguousarray(keys[:, 0]))
    fresh, halves = _changes(keys, order)
    # Sorting by the first 64 bits alone is many times faster than lexsort, and enough while no two
    # different keys share them, as with all but adversarial texts.
    if (fresh != halves).any():
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        fresh, _ = _changes(keys, order)
    return order, fresh


def _changes(keys: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boundaries (n,) bool of runs of equal keys in sorted order, and of their first 64 bits."""
    first, second = keys[order, 0], keys[order, 1]
    halves = np.ones(len(keys), bool)
    halves[1:] = first[1:] != first[:-1]
    fresh = halves.copy()
    fresh[1:] |= second[1:] != second[:-1]
    return fresh, halves


def _hash(pieces: Sequence[str]) -> bytes:
    return hashlib.blake2b(fingerprint.framed(pieces), digest_size=16).digest()
