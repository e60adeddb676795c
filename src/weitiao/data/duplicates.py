"""Rows that say the same, found by 128-bit hashes held in numpy: 16 bytes a row, no texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.data import gather

SPAN = 4096


def text_keys(table: Any, columns: Sequence[str], positions: np.ndarray) -> np.ndarray:
    """A 128-bit hash of the texts of each row, as (n,) structured numbers that compare and sort."""
    keys = np.empty((len(positions), 2), np.uint64)
    done = 0
    for span in gather.spans(positions, SPAN):
        texts = [gather.texts(table.column(column), span) for column in columns]
        raw = b"".join(_hash(row) for row in zip(*texts, strict=True))
        keys[done : done + len(span)] = np.frombuffer(raw, np.uint64).reshape(-1, 2)
        done += len(span)
    return _comparable(keys)


def row_keys(texts: np.ndarray, targets: Sequence[Any]) -> np.ndarray:
    """`text_keys` with the target mixed in: equal where texts and target are equal."""
    known: dict[str, np.ndarray] = {}
    keys = texts.view(np.uint64).reshape(-1, 2).copy()
    for row, target in enumerate(targets):
        name = repr(target)
        if name not in known:
            if len(known) > 100_000:  # numbers: each may be another one
                known.clear()
            known[name] = np.frombuffer(_hash((name,)), np.uint64)
        keys[row] ^= known[name]
    return _comparable(keys)


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """Positions, ascending, of the first row of each key."""
    return np.sort(np.unique(keys, return_index=True)[1])


def groups_of(keys: np.ndarray) -> np.ndarray:
    """A number for each row; rows with the same key have the same."""
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def conflicts(texts: np.ndarray, rows: np.ndarray) -> int:
    """How many texts stand with more than one target."""
    pairs = np.unique(np.stack([groups_of(texts), groups_of(rows)], 1), axis=0)
    return int((np.bincount(pairs[:, 0]) > 1).sum()) if len(pairs) else 0


def _hash(pieces: Sequence[str]) -> bytes:
    # The length before each piece, so that ("ab", "c") and ("a", "bc") differ.
    raw = [piece.encode("utf-8", "surrogatepass") for piece in pieces]
    framed = b"".join(len(piece).to_bytes(8, "little") + piece for piece in raw)
    return hashlib.blake2b(framed, digest_size=16).digest()


def _comparable(keys: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(keys).view([("high", np.uint64), ("low", np.uint64)]).reshape(-1)
