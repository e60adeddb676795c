"""Which rows teach, which validate, which are sealed: a pure function of labels and seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

TRAIN, VALIDATION, TEST = 0, 1, 2
BINS = 10


def split(
    targets: Sequence[Any] | None,
    n: int,
    validation_size: float,
    test_size: float,
    seed: int,
    stratify: bool,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (int64, ascending) of the train, validation and test rows.

    Rows with the same number in `groups` stay together. With `stratify`, every label keeps its
    share in each part to within one row; a label that stands once is in train, and so is at
    least one row of every other. Numbers are stratified by quantile, label lists by their
    rarest label. Nothing is lost, nothing stands twice.

    >>> train, validation, test = split(["a"] * 6 + ["b"] * 4, 10, 0.2, 0.2, 1, True)
    >>> len(train), len(validation), len(test)
    (6, 2, 2)
    """
    strata = strata_of(targets, n) if stratify and targets is not None else np.zeros(n, np.int64)
    random = np.random.default_rng(seed)
    owner = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(owner.max()) + 1 if n else 0
    first = np.full(count, n, np.int64)
    np.minimum.at(first, owner, np.arange(n))
    wanted = [_rows_for(size, count) for size in (validation_size, test_size)]
    parts = _assign(strata[first], wanted, random)[owner] if n else np.zeros(0, np.int64)
    if groups is not None:
        _give_train_every_label(parts, strata, owner)
    return tuple(np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION, TEST))  # type: ignore[return-value]


def sample(targets: Sequence[Any] | None, n: int, rows: int, seed: int) -> np.ndarray:
    """Positions (ascending) of a seeded sample of `rows` rows that keeps the labels' shares."""
    strata = strata_of(targets, n) if targets is not None else np.zeros(n, np.int64)
    if rows >= n:
        return np.arange(n)
    left_out = _assign(strata, [n - rows, 0], np.random.default_rng(seed))
    kept = np.flatnonzero(left_out == TRAIN)
    if len(kept) > rows:  # more labels than rows asked for: some labels must go
        kept = np.sort(np.random.default_rng(seed).permutation(kept)[:rows])
    return kept


def strata_of(targets: Sequence[Any], n: int) -> np.ndarray:
    """A whole number for each row: its label, its rarest label, or its quantile."""
    assert len(targets) == n, "one target for each row"
    if n and all(isinstance(target, float) for target in targets):
        ranks = np.argsort(np.argsort(np.asarray(targets), kind="stable"), kind="stable")
        return ranks * max(1, min(BINS, n // 20)) // n
    if any(isinstance(target, list | tuple) for target in targets):
        often = Counter(label for target in targets for label in target)
        targets = [
            min(target, key=lambda label: (often[label], str(label))) if target else ""
            for target in targets
        ]
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(target, len(numbers)) for target in targets], np.int64)


def _rows_for(size: float, count: int) -> int:
    return 0 if size == 0 else max(1, round(size * count))


def _assign(strata: np.ndarray, wanted: list[int], random: np.random.Generator) -> np.ndarray:
    """A part for every unit: `wanted` many in validation and test, the rest in train."""
    order = random.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]  # stratum by stratum, random inside
    sizes = np.bincount(strata)
    shares = _shares(sizes, wanted, random)
    parts = np.zeros(len(strata), np.int64)
    start = 0
    for size, (validation, test) in zip(sizes, shares, strict=True):
        parts[order[start : start + validation]] = VALIDATION
        parts[order[start + validation : start + validation + test]] = TEST
        start += size
    return parts


def _shares(sizes: np.ndarray, wanted: list[int], random: np.random.Generator) -> np.ndarray:
    """How many units of each stratum go to validation and test, (strata, 2).

    Each gets its exact share rounded down; the units still missing are handed out by the largest
    remainder, at most one more for a stratum and part, and never the last one train has.
    """
    exact = sizes[:, None] * np.array(wanted)[None, :] / max(1, sizes.sum())
    shares = np.floor(exact).astype(np.int64)
    tie = random.random(exact.shape)  # drawn, so that equal remainders do not favour the first
    for part in (1, 0):
        missing = wanted[part] - int(shares[:, part].sum())
        remainder = np.round(exact[:, part] - np.floor(exact[:, part]), 9)
        for stratum in np.lexsort((tie[:, part], -remainder)):
            if missing <= 0:
                break
            if remainder[stratum] > 0 and shares[stratum].sum() + 1 < sizes[stratum]:
                shares[stratum, part] += 1
                missing -= 1
    alone = np.maximum(sizes, 1) - 1  # rounding down can empty train too: sizes 2, shares 1 and 1
    while (over := shares.sum(1) > alone).any():
        rows = np.flatnonzero(over)
        shares[rows, shares[rows].argmax(1)] -= 1
    return shares


def _give_train_every_label(parts: np.ndarray, strata: np.ndarray, owner: np.ndarray) -> None:
    """Groups with several labels can leave a label without a train row: fetch one group back."""
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        if not (parts[rows] == TRAIN).any():
            parts[owner == owner[rows[0]]] = TRAIN
