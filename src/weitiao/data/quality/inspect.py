"""Inspection of rows: the view that finders read, and all findings of this layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from weitiao.data.files.table import Source
from weitiao.data.prepare.declared import declared_parts, without_refused
from weitiao.data.prepare.filter import without_misfits
from weitiao.data.prepare.load import load
from weitiao.data.quality.finding import (
    MOST_IDS,
    SEVERITIES,
    TEST,
    TRAIN,
    VALIDATION,
    Finder,
    Finding,
    Inspected,
    ids_of,
)
from weitiao.data.quality.label_names import label_names
from weitiao.data.quality.languages import Identified, identify, other_languages
from weitiao.data.quality.leaks import leaks
from weitiao.data.quality.near_duplicates import RowTexts, likeness
from weitiao.data.quality.outliers import characters_of, outliers
from weitiao.data.quality.personal_rows import personal_rows
from weitiao.data.quality.repeats import repeats
from weitiao.data.quality.text_damage import text_damage
from weitiao.data.rows import Rows, everything
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import DataPlan

Advance = Callable[[str, int, int], None]


def inspected_rows(
    source: Source,
    roles: Mapping[str, str | list[str]],
    task: str,
    plan: DataPlan,
    test: Source | None = None,
) -> Inspected:
    """The rows of a source as finders read them, with the parts that the plan splits them into."""
    rows = Rows(source.table, everything(source.table), roles, source.name, task)
    rows = without_misfits(without_refused(rows, []), plan.skip_bad, [], [])
    targets = rows.targets() if "target" in roles else [None] * len(rows)
    test_rows = None
    if test is not None:
        known = {role: name for role, name in roles.items() if _stands(name, test)}
        test_rows = Rows(test.table, everything(test.table), known, test.name, task)
    return Inspected(rows, targets, parts_of(source, rows, task, plan), "other", test_rows)


def _stands(column: str | list[str], source: Source) -> bool:
    names = {column} if isinstance(column, str) else {*column}
    return names <= {*source.columns}


def parts_of(source: Source, rows: Rows, task: str, plan: DataPlan) -> np.ndarray:
    """The part of each row, as the file declares it or the plan splits it; "" in none."""
    parts = np.full(len(rows), "", f"U{len(VALIDATION)}")
    declared = declared_parts(rows, []) if plan.declared_split else None
    if declared is not None:
        for name in (TRAIN, VALIDATION, TEST):
            parts[getattr(declared, name)] = name
        return parts
    try:
        data = load(plan, task, source)
    except DataError:  # too few rows, or one label: `plan` and `fit` say so
        return parts
    in_table = np.full(source.table.num_rows, "", parts.dtype)
    for name, part in (
        (TRAIN, data.train),
        (VALIDATION, data.validation),
        (TEST, data.sealed_test),
    ):
        if part is not None and part.table is source.table:
            in_table[part.indices] = name
    return in_table[rows.indices]


def all_findings(
    inspected: Inspected, more: Iterable[Finder] = ()
) -> tuple[list[Finding], Identified | None]:
    """All findings, the gravest first; and the languages of the texts."""
    if len(inspected.rows) == 0 or not inspected.rows.text_roles:
        return [], None
    findings = list(_repeated(inspected))
    findings += label_names(inspected)
    findings += text_damage(inspected)
    findings += personal_rows(inspected)
    identified = None
    if reader_of(inspected.rows.task).head != "tokens":  # cells that may list words
        identified = identify(inspected)
        findings += other_languages(inspected, identified)
    for finder in more:
        findings += finder(inspected)
    order = {severity: at for at, severity in enumerate(SEVERITIES)}
    named = [
        replace(one, ids=ids_of(inspected.rows, one.rows[:MOST_IDS]) if len(one.rows) else ())
        for one in findings
    ]
    return sorted(named, key=lambda one: order[one.severity]), identified


def _repeated(inspected: Inspected) -> Iterator[Finding]:
    """Duplicates, conflicts, leaks and outliers: all read the same comparison."""
    views = [inspected.rows, *([inspected.test] if inspected.test is not None else [])]
    like = likeness(
        RowTexts(*views),
        inspected.similarity,
        lambda done, total: inspected.advance(_("duplicates"), done, total),
    )
    yield from leaks(inspected, like)
    yield from repeats(inspected, like)
    empty = like.empty[: len(inspected.rows)]
    yield from outliers(inspected, characters_of(inspected), empty)
