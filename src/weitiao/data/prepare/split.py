"""Stratified, grouped split into training, validation and test rows; a function of the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.prepare import duplicates
from weitiao.data.rows import Rows

TRAIN, VALIDATION, TEST = 0, 1, 2
QUANTILE_BINS = 10  # strata of targets that are numbers
TOGETHER = ("context", "group")  # roles: rows with the same cell are in one part


def split(
    targets: Sequence[Any] | None,
    n: int,
    validation_size: float,
    test_size: float,
    seed: int,
    stratify: bool,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stratified split: positions (int64, ascending) of the train, validation and test rows.

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
    # Units are drawn, not rows: a group counts as one, with the stratum of its first row.
    owner = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(owner.max()) + 1 if n else 0
    first = np.full(count, n, np.int64)
    np.minimum.at(first, owner, np.arange(n))
    sizes = [_rows_for(size, count) for size in (validation_size, test_size)]
    parts = _assign(strata[first], sizes, random)[owner] if n else np.zeros(0, np.int64)
    if groups is not None:
        _fetch_missing_labels(parts, strata, owner)
    return tuple(np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION, TEST))  # type: ignore[return-value]


def split_by_fold(
    targets: Sequence[Any],
    n: int,
    validation_size: float,
    fold: str,
    seed: int,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `split`, stratified, with a fold as the test, e.g. "2/5": over all five, with the same
    seed, each row is tested once.

    >>> parts = [split_by_fold(["a"] * 6 + ["b"] * 4, 10, 0.2, f"{i}/5", 1) for i in range(1, 6)]
    >>> sorted(int(row) for _train, _validation, test in parts for row in test)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    number, folds = (int(part) for part in fold.split("/"))
    strata = strata_of(targets, n)
    owner = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    first = np.full(int(owner.max(initial=-1)) + 1, n, np.int64)
    np.minimum.at(first, owner, np.arange(n))
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(strata[first][order], kind="stable")]
    of_unit = np.empty(len(first), np.int64)
    of_unit[order] = np.arange(len(first)) % folds  # each stratum in turns over the folds
    tested = of_unit[owner] == number - 1
    others = np.flatnonzero(~tested)
    size = min(0.5, validation_size * n / max(1, len(others)))
    rest = [targets[row] for row in others.tolist()]
    same = None if groups is None else groups[others]
    train, validation, _none = split(rest, len(others), size, 0.0, seed, True, same)
    return others[train], others[validation], np.flatnonzero(tested)


def sample(targets: Sequence[Any] | None, n: int, rows: int, seed: int) -> np.ndarray:
    """Stratified sample: positions (ascending) of `rows` rows that keeps the labels' shares."""
    strata = strata_of(targets, n) if targets is not None else np.zeros(n, np.int64)
    if rows >= n:
        return np.arange(n)
    parts = _assign(strata, [n - rows, 0], np.random.default_rng(seed))
    chosen = np.flatnonzero(parts == TRAIN)
    if len(chosen) > rows:  # more labels than rows asked for: some labels must go
        chosen = np.sort(np.random.default_rng(seed).permutation(chosen)[:rows])
    return chosen


def strata_of(targets: Sequence[Any], n: int) -> np.ndarray:
    """Strata (n,) of targets for a stratified split: label, rarest label, or quantile."""
    assert len(targets) == n, "one target for each row"
    if n and all(isinstance(target, float) for target in targets):
        # argsort twice gives ranks; the factor is the number of bins (20 rows each or more).
        ranks = np.argsort(np.argsort(np.asarray(targets), kind="stable"), kind="stable")
        return ranks * max(1, min(QUANTILE_BINS, n // 20)) // n
    if any(isinstance(target, list | tuple) for target in targets):
        # The rarest label is the hardest to spread. Exact iterative stratification (Sechidis et al.
        # 2011) would balance all of a row's labels.
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
    """Assign units to splits: `wanted` many to validation and test, the rest to train."""
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
    """Apportion units of each stratum to validation and test, (strata, 2).

    Largest remainder method (Hamilton's apportionment): each stratum gets its exact share rounded
    down; the units still missing go to the largest remainders, at most one more for a stratum and
    part, and never the last one that train has.
    """
    exact = sizes[:, None] * np.array(wanted)[None, :] / max(1, sizes.sum())
    shares = np.floor(exact).astype(np.int64)
    tie = random.random(exact.shape)  # equal remainders must not favour the first stratum
    for part in (1, 0):
        missing = wanted[part] - int(shares[:, part].sum())
        # Rounded: 0.3 * 10 - 2 is 1.0000000000000004 or so, and would beat an equal remainder.
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


def _fetch_missing_labels(parts: np.ndarray, strata: np.ndarray, owner: np.ndarray) -> None:
    """Move one group back to train for each label without a training row, in place.

    Groups of mixed labels can cause that, since a group is stratified by its first row only.
    """
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        if not (parts[rows] == TRAIN).any():
            parts[owner == owner[rows[0]]] = TRAIN


def units_of(rows: Rows, keys: np.ndarray) -> np.ndarray:
    """Group numbers (rows,) for a grouped split; rows that must stay together have the same.

    keys: of the rows' texts. Rows with equal texts stay together, questions about one passage too,
    and rows with the same value in the column of the role `group`; an empty cell is no value.
    """
    units = duplicates.groups_of(keys)
    for role in TOGETHER:
        if role in rows.roles:
            same = duplicates.groups_of(keys_of(rows, role))
            # Empty cells are equal, but no common value: each becomes a group of its own.
            alone = np.flatnonzero(~_filled(rows, role))
            same[alone] = same.max(initial=0) + 1 + np.arange(len(alone))
            units = merged_groups(units, same)
    return units


def keys_of(rows: Rows, role: str) -> np.ndarray:
    """128-bit hashes (rows, 2) of the cells of a role: equal where the cells are."""
    return duplicates.text_keys(rows.table, [str(rows.roles[role])], rows.indices)


def with_value(rows: Rows, role: str) -> Rows:
    """The rows whose cell for a role is not blank."""
    return rows.take(np.flatnonzero(_filled(rows, role)))


def _filled(rows: Rows, role: str) -> np.ndarray:
    """(rows,) bool: whether the cell for a role is not blank."""
    column = rows.table.column(str(rows.roles[role]))
    filled = [
        np.array([bool(cell.strip()) for cell in cell_texts(column, span)], bool)
        for span in position_batches(rows.indices, duplicates.SPAN)
    ]
    return np.concatenate([*filled, np.zeros(0, bool)])


def merged_groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Connected components of two groupings: rows that share a group of either are in one unit.

    >>> merged_groups(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])).tolist()
    [0, 0, 0, 2]
    """
    # Label propagation: every group takes the lowest unit among its rows until nothing changes.
    units = first.copy()
    while True:
        before = units.copy()
        for other in (second, first):
            lowest = np.full(int(other.max(initial=0)) + 1, len(units))
            np.minimum.at(lowest, other, units)
            units = lowest[other]
        if np.array_equal(before, units):
            return units
