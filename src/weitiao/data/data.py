"""The rows of a run: read, set apart, deduplicated and split, with all that was done to them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.data import duplicates, gather
from weitiao.data.cache import fingerprint_of
from weitiao.data.columns import check_role
from weitiao.data.rows import Rows, everything
from weitiao.data.split import sample, split
from weitiao.data.table import Source, open_source
from weitiao.data.values import counted
from weitiao.errors import DataError
from weitiao.plan import DataPlan

__all__ = ["Data", "Rows", "load"]

FEWEST = 10  # labelled rows; below this no split means anything


@dataclass(frozen=True, eq=False)
class Data:
    """The rows in their parts. The test is sealed: `weitiao.data.sealed.open_test` opens it."""

    train: Rows
    validation: Rows
    sealed_test: Rows | None
    unlabelled: Rows
    history: tuple[str, ...]
    fingerprint: str  # of the files' content and of how they are split


def load(plan: DataPlan, task: str, source: Source | None = None) -> Data:
    """The data that the plan speaks of; `source` stands in for the file at `plan.path`.

    Raises DataError when a role, a target or the number of rows does not allow to go on.
    """
    source = source or open_source(plan.path)
    history = list(source.history)
    rows, unlabelled = _usable(source, plan, task, history)
    targets = rows.targets()
    _enough(targets, task, source.name)
    columns = [str(plan.roles[role]) for role in rows.text_roles]
    keys = duplicates.text_keys(source.table, columns, rows.indices)

    kept = _deduplicated(keys, targets, plan.deduplicate, history)
    test_file = _test_of(plan, task, columns, history)
    if test_file is not None:
        kept = _without_leaks(kept, keys, test_file[1], history)
        if len(kept) == 0:
            raise DataError(
                f"{source.name}: every row also stands in the test file {plan.test_path}: "
                "give other test rows, or none, and they are split off."
            )
    if plan.max_rows is not None and plan.max_rows < len(kept):
        history.append(f"{plan.max_rows:,} rows of {len(kept):,} taken (seed {plan.split_seed})")
        kept = kept[sample(_at(targets, kept), len(kept), plan.max_rows, plan.split_seed)]
    rows, targets, keys = rows.take(kept), _at(targets, kept), keys[kept]
    _enough(targets, task, source.name)

    train, validation, test = split(
        targets,
        len(rows),
        plan.validation_size,
        0.0 if test_file else plan.test_size,
        plan.split_seed,
        stratify=True,
        groups=duplicates.groups_of(keys),
    )
    sealed = test_file[0] if test_file else (rows.take(test) if len(test) else None)
    if len(train) == 0 or len(validation) == 0:
        raise DataError(
            f"{source.name}: {len(rows)} labelled rows leave {len(train)} to train and "
            f"{len(validation)} to validate: label more rows of each kind."
        )
    history.append(
        f"split with seed {plan.split_seed}: {len(train):,} train, {len(validation):,} validation, "
        f"{len(sealed) if sealed is not None else 0:,} sealed test"
    )
    if sealed is not None and task != "regression":
        _say_unknown_labels(_at(targets, train), sealed.targets(), history)
    how = json.dumps([plan.model_dump(include=_SPLITTING), task], sort_keys=True)
    tested = test_file[0].fingerprint if test_file else ""
    return Data(
        train=rows.take(train),
        validation=rows.take(validation),
        sealed_test=sealed,
        unlabelled=unlabelled,
        history=tuple(history),
        fingerprint=fingerprint_of(source.fingerprint, how, tested),
    )


_SPLITTING = {"roles", "max_rows", "deduplicate", "validation_size", "test_size", "split_seed"}


def _usable(source: Source, plan: DataPlan, task: str, history: list[str]) -> tuple[Rows, Rows]:
    """Labelled and unlabelled rows, those without a text left out."""
    for role, column in plan.roles.items():
        check_role(role, column, source.columns)
    if "target" not in plan.roles or len(plan.roles) < 2:
        raise DataError("data.roles must name a text and the target, e.g. {text: a, target: b}.")
    rows = Rows(source.table, everything(source.table), plan.roles, source.name, task)
    empty = np.zeros(len(rows), bool)
    for role in rows.text_roles:
        column = source.table.column(str(plan.roles[role]))
        done = 0
        for span in gather.spans(rows.indices, duplicates.SPAN):
            blank = [not text.strip() for text in gather.texts(column, span)]
            empty[done : done + len(span)] |= np.array(blank)
            done += len(span)
    if empty.any():
        named = ", ".join(rows.take(np.flatnonzero(empty)[:3]).ids())
        more = ", ..." if empty.sum() > 3 else ""
        history.append(
            f"{counted(int(empty.sum()), 'row')} without a text left out ({named}{more})"
        )
    rows = rows.take(np.flatnonzero(~empty))
    labelled = np.array([target is not None for target in rows.targets()], bool)
    if not labelled.all():
        none = "; write [] where a row has none of the labels" if task == "multilabel" else ""
        history.append(f"{counted(int((~labelled).sum()), 'row')} without a target set apart{none}")
    return rows.take(np.flatnonzero(labelled)), rows.take(np.flatnonzero(~labelled))


def _enough(targets: Sequence[Any], task: str, name: str) -> None:
    if len(targets) < FEWEST:
        raise DataError(
            f"{name}: {len(targets)} labelled rows are too few to learn from: "
            f"label at least {FEWEST}, better some hundreds."
        )
    if task == "regression":
        if len(set(targets)) < 2:
            raise DataError(f"{name}: every target is {targets[0]:g}: there is nothing to learn.")
        return
    labels = Counter(
        label for target in targets for label in (target if isinstance(target, list) else [target])
    )
    if len(labels) < (1 if task == "multilabel" else 2):
        only = f"every target is {next(iter(labels))!r}" if labels else "no row has a label"
        raise DataError(f"{name}: {only}: there is nothing to learn. Is the target role right?")


def _deduplicated(
    keys: np.ndarray, targets: Sequence[Any], drop: bool, history: list[str]
) -> np.ndarray:
    whole = duplicates.row_keys(keys, targets)
    kept = duplicates.first_of_each(whole)
    surplus = len(keys) - len(kept)
    if surplus:
        done = "left out" if drop else "kept, always on one side of the split"
        history.append(f"{counted(surplus, 'exact duplicate')} {done}")
    torn = duplicates.conflicts(keys, whole)
    if torn:
        history.append(
            f"{counted(torn, 'text')} with more than one target; each on one side of the split"
        )
    return kept if drop else np.arange(len(keys))


def _test_of(
    plan: DataPlan, task: str, columns: list[str], history: list[str]
) -> tuple[Rows, np.ndarray] | None:
    if plan.test_path is None:
        return None
    source = open_source(plan.test_path)
    history += source.history
    rows, _ = _usable(source, plan, task, history)
    if len(rows) == 0:
        raise DataError(f"{source.name}: the test file has no labelled row.")
    return rows, duplicates.text_keys(source.table, columns, rows.indices)


def _without_leaks(
    kept: np.ndarray, keys: np.ndarray, test_keys: np.ndarray, history: list[str]
) -> np.ndarray:
    leaked = duplicates.found_in(keys, test_keys)
    count = int(leaked[kept].sum())
    if count:
        history.append(f"{counted(count, 'row')} left out whose text also stands in the test file")
    return kept[~leaked[kept]]


def _say_unknown_labels(train: Sequence[Any], test: Sequence[Any], history: list[str]) -> None:
    taught, asked = (
        {label for t in targets for label in (t if isinstance(t, list) else [t])}
        for targets in (train, test)
    )
    unknown = sorted(asked - taught)
    if unknown:
        some = ", ".join(map(repr, unknown[:3])) + (", ..." if len(unknown) > 3 else "")
        history.append(
            f"the test has {counted(len(unknown), 'label')} that no training row has: {some}"
        )


def _at(values: Sequence[Any], positions: np.ndarray) -> list[Any]:
    return [values[position] for position in positions]
