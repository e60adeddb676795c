"""Rows that say the same, found by 128-bit hashes held in numpy: 16 bytes a row, no texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.data import gather

SPAN = 4096


def text_keys(table: Any, columns: Sequence[str], positions: np.ndarray) -> np.ndarray:
    """A 128-bit hash of the texts of each row, as (n, 2) numbers."""
    keys = np.empty((len(positions), 2), np.uint64)
    done = 0
    for span in gather.spans(positions, SPAN):
        texts = [gather.texts(table.column(column), span) for column in columns]
        raw = b"".join(_hash(row) for row in zip(*texts, strict=True))
        keys[done : done + len(span)] = np.frombuffer(raw, np.uint64).reshape(-1, 2)
        done += len(span)
    return keys


def row_keys(texts: np.ndarray, targets: Sequence[Any]) -> np.ndarray:
    """`text_keys` with the target mixed in: equal where texts and target are equal."""
    known: dict[str, np.ndarray] = {}
    keys = texts.copy()
    for row, target in enumerate(targets):
        name = repr(target)
        if name not in known:
            if len(known) > 100_000:  # numbers: each may be another one
                known.clear()
            known[name] = np.frombuffer(_hash((name,)), np.uint64)
        keys[row] ^= known[name]
    return keys


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """Positions, ascending, of the first row of each key."""
    order, is_new = _sorted(keys)
    return np.sort(order[is_new])


def groups_of(keys: np.ndarray) -> np.ndarray:
    """A number for each row; rows with the same key have the same."""
    order, is_new = _sorted(keys)
    groups = np.empty(len(keys), np.int64)
    groups[order] = np.cumsum(is_new) - 1
    return groups


def conflicts(texts: np.ndarray, rows: np.ndarray) -> int:
    """How many texts stand with more than one target."""
    firsts = groups_of(texts)[first_of_each(rows)]
    return int((np.bincount(firsts, minlength=1) > 1).sum())


def found_in(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each key, whether it is among the others."""
    groups = groups_of(np.concatenate([keys, others]))
    return np.isin(groups[: len(keys)], groups[len(keys) :])


def _sorted(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of the keys (equal ones stay as they were), and where in it a new key starts."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    is_new = np.ones(len(keys), bool)
    is_new[1:] = (keys[order[1:]] != keys[order[:-1]]).any(1)
    return order, is_new


def _hash(pieces: Sequence[str]) -> bytes:
    # The length before each piece, so that ("ab", "c") and ("a", "bc") differ.
    raw = [piece.encode("utf-8", "surrogatepass") for piece in pieces]
    framed = b"".join(len(piece).to_bytes(8, "little") + piece for piece in raw)
    return hashlib.blake2b(framed, digest_size=16).digest()
