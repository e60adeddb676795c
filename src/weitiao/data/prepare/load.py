"""Data preparation of a run: read, filter, deduplicate and split rows, with a history."""

from __future__ import annotations

import json
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from weitiao.core import fingerprint
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.infer.cells import has_unit, number
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.corrections import Corrections, Parts
from weitiao.data.prepare.declared import Declared, declared_parts
from weitiao.data.prepare.extra_files import ExtraFile, Part, extra_part, open_extra_file
from weitiao.data.prepare.filter import check_enough, usable
from weitiao.data.prepare.near_groups import with_near_groups, without_near
from weitiao.data.prepare.run_steps import AllExamples, as_rows
from weitiao.data.prepare.split import TOGETHER, sample, split, split_by_fold, units_of
from weitiao.data.prepare.time_split import TIME, described, split_by_time, times_in
from weitiao.data.prepare.unknown_labels import (
    MAX_NAMED_LABELS,
    are_hidden,
    as_list,
    label_counts,
    require_known_labels,
    unknown_labels,
)
from weitiao.data.prepare.unknown_rows import check_unknown_labels, known_and_unknown, set_apart
from weitiao.data.rows import Rows
from weitiao.data.targets import TargetReader, comparable, reader_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list, plural
from weitiao.planfile.plan import DataPlan

__all__ = ["Data", "Rows", "load"]

UNEVEN = 0.25  # of the planned rows of a part; a larger difference is explained
FEWEST_VALIDATION_ROWS = 10  # in a file; with fewer, the best checkpoint is a matter of luck
# Settings of the plan that decide which row is in which part.
_SPLITTING = {"roles", "max_rows", "deduplicate", "near_duplicates", "validation_size", "test_size"}
_SPLITTING |= {"split_seed"}


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
    # Out-of-scope rows (data.labels.unknown): of training and validation, and of the sealed test.
    unknown: Rows | None = None
    sealed_unknown: Rows | None = None

    @property
    def digests(self) -> dict[str, str]:
        """Content hash of each part: its texts and targets, in order, wherever they are stored."""
        parts_of = {"train": self.train, "validation": self.validation, "test": self.sealed_test}
        return {
            name: rows.content for name, rows in parts_of.items() if rows is not None and len(rows)
        }


def load(plan: DataPlan, task: str, source: Source | None = None) -> Data:
    """Load and split the plan's data; `source` replaces the file at `plan.path`.

    Raises DataError for roles, targets or numbers of rows that cannot be used.
    """
    how = ReadOptions(plan.reader, plan.skip_bad)
    source = source or how.open(plan.path)
    history, bad = list(source.history), list(source.bad)
    rows, unlabelled = usable(source, plan, task, history, bad)
    corrections = Corrections.read(plan.corrections, rows) if plan.corrections else None
    declared = declared_parts(rows, history) if plan.declared_split else None
    whole = rows
    if declared is not None:
        rows = rows.take(declared.train)
    targets = rows.targets()
    reader = reader_of(task)
    check_enough(targets, reader, source.name)
    check_unknown_labels(rows, plan.labels.unknown)
    columns = rows.text_columns
    keys = duplicates.text_keys(source.table, columns, rows.indices)

    # The order matters for a test that is honest: duplicates first (they would straddle the split),
    # then rows of the separate files, and only of what remains a sample and the split.
    chosen = _deduplicated(
        keys, comparable(targets, reader.label_sets), plan.deduplicate, history, reader.one_target
    )
    strata, labels = reader.strata(targets), reader.row_labels(targets)
    test_file = open_extra_file(plan, "test", rows, history, bad)
    validation_file = open_extra_file(plan, "validation", rows, history, bad)
    if declared is not None:  # a file that the user names is worth more than the column
        content = fingerprint.of_texts(source.fingerprint, declared.column)
        test_file = test_file or _declared_part("test", whole, declared, content, history)
        validation_file = validation_file or _declared_part(
            "validation", whole, declared, content, history
        )
    if validation_file and test_file:
        validation_file = validation_file.without(test_file, history)
    for other in filter(None, (test_file, validation_file)):
        if labels is not None:
            require_known_labels(
                labels, _labels_in(other, reader), other.part, other.path, other.declared
            )
        chosen = other.without_overlap(chosen, rows, keys, history)
        chosen = without_near(rows, chosen, other, plan.near_duplicates, history)
    chosen = _sampled(chosen, strata, plan, history)
    rows, keys = rows.take(chosen), keys[chosen]
    targets, strata = _at(targets, chosen), _at(strata, chosen)
    check_enough(targets, reader, source.name)

    planned = {
        "validation": 0.0 if validation_file else plan.validation_size,
        "test": 0.0 if test_file else plan.test_size,
    }
    units = with_near_groups(units_of(rows, keys), rows, plan.near_duplicates, history)
    planned |= _share_of_fold(plan, test_file is not None, source.name)
    train, validation, test = _parted(rows, strata, planned, plan, units, history)
    if corrections is not None:
        uncorrected = Parts(rows, train, validation, test, validation_file, test_file)
        rows, train, validation, test, validation_file, test_file = uncorrected.corrected(
            corrections, whole, plan.correct_test, history
        )
        targets = rows.targets()
        labels, chosen = reader.row_labels(targets), np.arange(len(rows))
        reader.check_learnable(_at(targets, train), source.name)
    sealed = test_file.rows if test_file else (rows.take(test) if len(test) else None)
    validation_rows = validation_file.rows if validation_file else rows.take(validation)
    if len(train) == 0 or len(validation_rows) == 0:
        raise DataError(
            _(
                "{file}: {rows} labelled rows leave {train} to train and {validation} to validate: "
                "label more rows of each kind.",
                file=source.name,
                rows=len(rows),
                train=len(train),
                validation=len(validation_rows),
            )
        )
    counts = {
        "train": len(train),
        "validation": len(validation_rows),
        "test": 0 if sealed is None else len(sealed),
    }
    history.append(
        _("split: {train:,} train, {validation:,} validation, {test:,} sealed test", **counts)
        if TIME in rows.roles
        else _(
            "split with seed {seed}: {train:,} train, {validation:,} validation, "
            "{test:,} sealed test",
            seed=plan.split_seed,
            **counts,
        )
    )
    history += _uneven_parts(rows, units, planned, {"validation": validation, "test": test})
    if validation_file is not None:
        history += _few_validation_rows(len(validation_rows))
    history += reader.problems(rows, targets)
    if labels is not None:
        labels = _at(labels, chosen)
        history += _single_labels(labels, rows.ids())
        in_validation, in_test = _labels_in(validation_file, reader), _labels_in(test_file, reader)
        history += alike_labels(label_counts([*labels, *in_test, *in_validation]))
        if validation_file is not None:
            history += unknown_labels(_at(labels, train), in_validation, "validation")
        parts_of = [in_validation if validation_file else _at(labels, validation)]
        parts_of += [in_test if test_file else _at(labels, test)] if sealed is not None else []
        history += _unmeasured_labels(_at(labels, train), parts_of)
        if sealed is not None:
            in_test = in_test if test_file else _at(labels, test)
            history += unknown_labels(_at(labels, train), in_test, "test")
    # Equal fingerprints: the same content, split in the same way. Settings that move no row to
    # another split, such as the path, are not part of it.
    splitting = json.dumps([plan.model_dump(include=_SPLITTING), task], sort_keys=True)
    others = [test_file.rows.fingerprint if test_file else ""]
    others += [validation_file.content] if validation_file else []
    others += [declared.column] if declared else []
    others += _changes_of(plan, corrections)
    data = Data(
        train=rows.take(train),
        validation=validation_rows,
        sealed_test=sealed,
        unlabelled=unlabelled,
        history=tuple(history),
        fingerprint=fingerprint.of_texts(source.fingerprint, splitting, *others),
        bad=tuple(bad),
    )
    return _without_unknown(data, plan.labels.unknown, reader, source.name)


def _without_unknown(data: Data, labels: Sequence[str], reader: TargetReader, file: str) -> Data:
    """The rows with these labels taken out of each part. Raises DataError where too few stay."""
    if not labels:
        return data
    train, of_train = known_and_unknown(data.train, labels)
    validation, of_validation = known_and_unknown(data.validation, labels)
    test, of_test = data.sealed_test, None
    if test is not None:
        test, of_test = known_and_unknown(test, labels)
    check_enough(train.targets(), reader, file)
    if not len(validation):
        raise DataError(_("{file}: no row of validation has a known label.", file=file))
    unknown = joined(of_train, of_validation)
    return replace(
        data,
        train=train,
        validation=validation,
        sealed_test=test if test is None or len(test) else None,
        unknown=unknown,
        sealed_unknown=of_test,
        history=(*data.history, set_apart((unknown, of_test), labels)),
    )


def _parted(
    rows: Rows,
    strata: Sequence[Any],
    planned: Mapping[str, float],
    plan: DataPlan,
    units: np.ndarray,
    history: list[str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of the train, validation and test rows: by time where rows have one."""
    sizes, seed = (planned["validation"], planned["test"]), plan.split_seed
    if plan.fold:
        return split_by_fold(strata, len(rows), sizes[0], plan.fold, seed, units)
    if TIME not in rows.roles:
        return split(strata, len(rows), *sizes, seed, stratify=True, groups=units)
    times = times_in(rows)
    parts_of_rows = split_by_time(times, units, *sizes)
    history.append(described(times, parts_of_rows, str(rows.roles[TIME])))
    return parts_of_rows


def _share_of_fold(plan: DataPlan, tested: bool, file: str) -> dict[str, float]:
    """The share of the test where it is a fold. Raises DataError where it cannot be one."""
    if not plan.fold:
        return {}
    if tested or TIME in plan.roles:
        raise DataError(
            _(
                "{file}: data.fold makes each row a test once, but the test is given already (a "
                "file, a column, or by time): leave one of them out.",
                file=file,
            )
        )
    return {"test": 1 / int(plan.fold.partition("/")[2])}


def _changes_of(plan: DataPlan, corrections: Corrections | None) -> list[str]:
    """What changes targets beside the files: part of the fingerprint where there is any."""
    rules = [plan.labels.model_dump_json()] if plan.labels.rules or plan.labels.unknown else []
    rules += [plan.fold] if plan.fold else []
    return [*rules, *([corrections.content, str(plan.correct_test)] if corrections else [])]


def _deduplicated(
    keys: np.ndarray,
    targets: Sequence[Any],
    drop: bool,
    history: list[str],
    one_target: bool = True,
) -> np.ndarray:
    whole = duplicates.row_keys(keys, targets)
    chosen = duplicates.first_of_each(whole)
    surplus = len(keys) - len(chosen)
    if surplus:
        count = plural(surplus, "exact duplicate")
        history.append(
            _("{duplicates} left out", duplicates=count)
            if drop
            else _("{duplicates} kept, always on one side of the split", duplicates=count)
        )
    conflicts = duplicates.conflicts(keys, whole)
    if conflicts and one_target:
        history.append(
            _(
                "{texts} with conflicting targets; each is kept within one split",
                texts=plural(conflicts, "text"),
            )
        )
    return chosen if drop else np.arange(len(keys))


def _sampled(
    chosen: np.ndarray, strata: Sequence[Any], plan: DataPlan, history: list[str]
) -> np.ndarray:
    """A stratified sample of `data.max_rows`, where there are more."""
    if plan.max_rows is None or plan.max_rows >= len(chosen):
        return chosen
    history.append(
        _(
            "{taken:,} rows of {rows:,} taken (seed {seed})",
            taken=plan.max_rows,
            rows=len(chosen),
            seed=plan.split_seed,
        )
    )
    return chosen[sample(_at(strata, chosen), len(chosen), plan.max_rows, plan.split_seed)]


def _declared_part(
    part: Part, whole: Rows, declared: Declared, content: str, history: list[str]
) -> ExtraFile | None:
    """A part that the file declares; None where it has no rows, or hides their labels."""
    rows = whole.take(declared.test if part == "test" else declared.validation)
    if are_hidden(whole.take(declared.train).targets(), rows.targets()):
        count = plural(len(rows), "row")
        history.append(
            _("the test has hidden labels ({rows} of -1): left out, and split off anew", rows=count)
            if part == "test"
            else _(
                "the validation has hidden labels ({rows} of -1): left out, and split off anew",
                rows=count,
            )
        )
        return None
    return extra_part(part, rows, content)


def _labels_in(file: ExtraFile | None, reader: TargetReader) -> list[Any]:
    return (reader.row_labels(file.rows.targets()) or []) if file else []


def _at(values: Sequence[Any], positions: np.ndarray) -> list[Any]:
    return [values[position] for position in positions]


def _uneven_parts(
    rows: Rows,
    units: np.ndarray,
    planned: Mapping[str, float],
    parts_of_rows: Mapping[str, np.ndarray],
) -> Iterator[str]:
    """Why parts of a grouped split are of another size than planned, where few groups are large."""
    columns = [str(rows.roles[role]) for role in TOGETHER if role in rows.roles]
    wanted = {part: size * len(rows) for part, size in planned.items() if size}
    off = any(abs(len(parts_of_rows[n]) - size) > UNEVEN * size for n, size in wanted.items())
    if columns and off:
        yield _(
            "rows with the same value in {columns} stay together, and there are {count:,} groups "
            "of them only: the parts are larger or smaller than planned",
            columns=", ".join(map(repr, columns)),
            count=len(np.unique(units)),
        )


def _few_validation_rows(count: int) -> Iterator[str]:
    if count < FEWEST_VALIDATION_ROWS:
        yield _(
            "the validation file has {rows} only: too few to choose the best checkpoint reliably",
            rows=plural(count, "row"),
        )


def _unmeasured_labels(train: Sequence[Any], parts_of: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Warning for labels that are learned, but of which a part for evaluation has no row."""
    counts, whole = label_counts(train), Counter[Any]()
    for labels_of_part in (train, *parts_of):
        whole.update(label_counts(labels_of_part))
    for part, others in zip(("validation", "test"), parts_of, strict=False):
        # Labels of a single row are told of already.
        lacking = sorted(n for n in counts.keys() - label_counts(others).keys() if whole[n] > 1)
        if lacking:
            labels, some = plural(len(lacking), "label"), _some(map(repr, lacking))
            yield (
                _(
                    "the test has no row of {labels} ({some}): its metrics say nothing of them",
                    labels=labels,
                    some=some,
                )
                if part == "test"
                else _(
                    "the validation has no row of {labels} ({some}): its metrics say nothing of "
                    "them",
                    labels=labels,
                    some=some,
                )
            )


def _single_labels(row_labels: Sequence[Any], ids: Sequence[str]) -> Iterator[str]:
    """Warning for labels of a single row: it is in train, so that no metric covers the label."""
    single = {label: "" for label, count in label_counts(row_labels).items() if count == 1}
    for labels, place in zip(row_labels, ids, strict=True):
        for label in single.keys() & set(as_list(labels)):
            single[label] = place
    if single:
        yield _(
            "{labels} with one row only, used for training and not evaluated: {some}",
            labels=plural(len(single), "label"),
            some=_some(f"{label!r} ({place})" for label, place in single.items()),
        )


def alike_labels(counts: Mapping[Any, int]) -> Iterator[str]:
    """Warning for labels that differ only by case, width (NFKC) or unit: they stay two labels.

    The setting that makes one of them takes the most frequent spelling. counts: of each label.
    """
    alike: dict[str, list[str]] = {}
    for label in sorted(map(str, counts)):
        plain = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
        alike.setdefault(f"{number(plain):g}" if has_unit(plain) else plain, []).append(label)
    groups = [group for group in alike.values() if len(group) > 1]
    merged = {}  # one setting for all: a second one would take the place of the first
    for group in groups:
        common = max(group, key=lambda label: counts.get(label, 0))
        merged[common] = [label for label in group if label != common]
    setting = shlex.quote(f"data.labels.merge={json.dumps(merged, ensure_ascii=False)}")
    for first, *others in groups:
        for other in others:
            yield _(
                "the labels {first!r} and {second!r} differ only in spelling; they are taken as "
                "two labels (if they are one, spell them alike in the file, or add {setting})",
                first=first,
                second=other,
                setting=setting,
            )


def _some(names: Iterable[str]) -> str:
    return name_list(names, MAX_NAMED_LABELS)


def joined(first: Rows, second: Rows) -> Rows:
    """The rows of both, in the order of their file where they come from one."""
    if first.table is second.table:
        indices = np.sort(np.concatenate([first.indices, second.indices]))
        return replace(first, indices=indices)
    return as_rows(chain(AllExamples(first), AllExamples(second)), first)
