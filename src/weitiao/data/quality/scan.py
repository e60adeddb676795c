"""Findings of a pattern in single rows: which rows, where in their texts, as table and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.data.files.cells import position_batches
from weitiao.data.quality.finding import (
    Case,
    Finding,
    FindingTable,
    Inspected,
    cell_of,
    ids_of,
    shown_row,
    target_of,
    texts_in,
    texts_of,
)
from weitiao.data.quality.repeats import MOST_CASES, SPAN, spread
from weitiao.i18n.messages import _

Spans = Sequence[tuple[int, int]]


def texts_by_span(inspected: Inspected) -> Iterator[tuple[int, list[list[str]]]]:
    """The texts of all rows, role by role, in batches; with the number of rows before."""
    rows = inspected.rows
    done = 0
    for span in position_batches(rows.indices, SPAN):
        yield (
            done,
            [texts_in(rows, str(rows.roles[role]), span) for role in rows.text_roles],
        )
        done += len(span)


def row_table(
    inspected: Inspected, rows: np.ndarray, about: str = "", values: Sequence[Any] | None = None
) -> FindingTable:
    """A csv of rows: id, part, target, what was seen, texts."""
    head = [_("row"), _("part"), _("target"), *([about] if values is not None else [])]

    def lines() -> Iterator[list[Any]]:
        for start in range(0, len(rows), SPAN):
            some = rows[start : start + SPAN]
            for at, (identity, texts) in enumerate(
                zip(ids_of(inspected.rows, some), texts_of(inspected.rows, some), strict=True)
            ):
                yield [
                    identity,
                    str(inspected.parts[some[at]]),
                    target_of(inspected.targets[int(some[at])]),
                    *([values[start + at]] if values is not None else []),
                    *map(cell_of, texts),
                ]

    return FindingTable([*head, *inspected.rows.text_columns], lines)


def row_cases(
    inspected: Inspected,
    rows: np.ndarray,
    mark: Callable[[str], Spans] | None = None,
    note: Callable[[int], str] | None = None,
) -> list[Case]:
    """Some of the rows, with the characters that matter marked. note: of the row at an index."""
    cases = []
    for at in spread(len(rows), MOST_CASES):
        texts = texts_of(inspected.rows, rows[at : at + 1])[0]
        marks = [mark(text) if mark else () for text in texts]
        row = shown_row(inspected.rows, inspected.targets, int(rows[at]), marks)
        cases.append(Case([row], note(at) if note else ""))
    return cases


def with_rows(
    finding: Finding,
    inspected: Inspected,
    *,
    mark: Callable[[str], Spans] | None = None,
    values: Sequence[Any] | None = None,
    about: str = "",
) -> Finding:
    """A finding about single rows with its table and examples. values: what was seen in each row,
    a column called `about`."""
    note = None if values is None else (lambda at: str(values[at]))
    return replace(
        finding,
        table=row_table(inspected, finding.rows, about, values),
        cases=row_cases(inspected, finding.rows, mark, note),
    )


def part_line(kind: str, name: str, settings: str = "{}") -> str:
    """The plan line that switches a part on; empty where it is not installed."""
    return f"data.{kind}.{name}={settings}" if name in parts.names(kind) else ""
