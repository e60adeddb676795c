"""The rows of a run: read, set apart, deduplicated and split, with all that was done to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.core import fingerprint
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.options import How
from weitiao.data.files.table import Source
from weitiao.data.prepare import duplicates, warnings
from weitiao.data.prepare.extra_files import Beside, beside
from weitiao.data.prepare.filter import check_enough, usable
from weitiao.data.prepare.groups import units_of
from weitiao.data.prepare.split import sample, split
from weitiao.data.rows import Rows
from weitiao.data.targets import TargetReader, reader_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural
from weitiao.planfile.plan import DataPlan

__all__ = ["Data", "Rows", "load"]


@dataclass(frozen=True, eq=False)
class Data:
    """Training, validation and test rows; `open_test` of `sealed.py` opens the sealed test."""

    train: Rows
    validation: Rows
    sealed_test: Rows | None
    unlabelled: Rows
    history: tuple[str, ...]
    fingerprint: str  # of the files' content and of how they are split
    bad: tuple[Bad, ...] = ()  # rows set aside


def load(plan: DataPlan, task: str, source: Source | None = None) -> Data:
    """The data that the plan speaks of; `source` stands in for the file at `plan.path`.

    Raises DataError when a role, a target or the number of rows does not allow to go on.
    """
    how_read = How(plan.reader, plan.skip_bad)
    source = source or how_read.open(plan.path)
    history, bad = list(source.history), list(source.bad)
    rows, unlabelled = usable(source, plan, task, history, bad)
    targets = rows.targets()
    reader = reader_of(task)
    check_enough(targets, reader, source.name)
    columns = rows.text_columns
    keys = duplicates.text_keys(source.table, columns, rows.indices)

    kept = _deduplicated(keys, targets, plan.deduplicate, history)
    strata = reader.strata(targets)
    test_file = beside(plan, "test", task, columns, history, bad)
    held_file = beside(plan, "validation", task, columns, history, bad)
    if held_file and test_file:
        held_file = held_file.without(test_file, history)
    for other in filter(None, (test_file, held_file)):
        kept = other.not_in(kept, rows, keys, history)
    if plan.max_rows is not None and plan.max_rows < len(kept):
        history.append(
            _(
                "{taken:,} rows of {rows:,} taken (seed {seed})",
                taken=plan.max_rows,
                rows=len(kept),
                seed=plan.split_seed,
            )
        )
        taken = sample(_at(strata, kept), len(kept), plan.max_rows, plan.split_seed)
        kept = kept[taken]
    labels = reader.row_labels(targets)
    rows, targets, strata, keys = (
        rows.take(kept), _at(targets, kept), _at(strata, kept), keys[kept],
    )  # fmt: skip
    check_enough(targets, reader, source.name)

    train, validation, test = split(
        strata,
        len(rows),
        0.0 if held_file else plan.validation_size,
        0.0 if test_file else plan.test_size,
        plan.split_seed,
        stratify=True,
        groups=units_of(rows, keys),
    )
    sealed = test_file.rows if test_file else (rows.take(test) if len(test) else None)
    held = held_file.rows if held_file else rows.take(validation)
    if len(train) == 0 or len(held) == 0:
        raise DataError(
            _(
                "{file}: {rows} labelled rows leave {train} to train and {validation} to validate: "
                "label more rows of each kind.",
                file=source.name,
                rows=len(rows),
                train=len(train),
                validation=len(held),
            )
        )
    history.append(
        _(
            "split with seed {seed}: {train:,} train, {validation:,} validation, "
            "{test:,} sealed test",
            seed=plan.split_seed,
            train=len(train),
            validation=len(held),
            test=0 if sealed is None else len(sealed),
        )
    )
    if held_file is not None:
        history += warnings.few_rows(len(held))
    history += reader.problems(rows, targets)
    if labels is not None:
        labels = _at(labels, kept)
        history += warnings.single_labels(labels, rows.ids())
        held_labels = _labels_in(held_file, reader)
        history += warnings.alike_labels([*labels, *_labels_in(test_file, reader), *held_labels])
        learned = _at(labels, train)
        if held_file is not None:
            history += warnings.unknown_labels(learned, held_labels, "validation")
        if sealed is not None:
            tested = reader.row_labels(sealed.targets()) or []
            history += warnings.unknown_labels(learned, tested, "test")
    how = json.dumps([plan.model_dump(include=_SPLITTING), task], sort_keys=True)
    others = [test_file.rows.fingerprint if test_file else ""]
    others += [held_file.content] if held_file else []
    return Data(
        train=rows.take(train),
        validation=held,
        sealed_test=sealed,
        unlabelled=unlabelled,
        history=tuple(history),
        fingerprint=fingerprint.of_texts(source.fingerprint, how, *others),
        bad=tuple(bad),
    )


_SPLITTING = {"roles", "max_rows", "deduplicate", "validation_size", "test_size", "split_seed"}


def _deduplicated(
    keys: np.ndarray, targets: Sequence[Any], drop: bool, history: list[str]
) -> np.ndarray:
    whole = duplicates.row_keys(keys, targets)
    kept = duplicates.first_of_each(whole)
    surplus = len(keys) - len(kept)
    if surplus:
        count = plural(surplus, "exact duplicate")
        history.append(
            _("{duplicates} left out", duplicates=count)
            if drop
            else _("{duplicates} kept, always on one side of the split", duplicates=count)
        )
    torn = duplicates.conflicts(keys, whole)
    if torn:
        history.append(
            _(
                "{texts} with more than one target; each on one side of the split",
                texts=plural(torn, "text"),
            )
        )
    return kept if drop else np.arange(len(keys))


def _labels_in(file: Beside | None, reader: TargetReader) -> list[Any]:
    return (reader.row_labels(file.rows.targets()) or []) if file else []


def _at(values: Sequence[Any], positions: np.ndarray) -> list[Any]:
    return [values[position] for position in positions]
