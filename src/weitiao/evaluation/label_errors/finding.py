"""Finder of wrong labels for `look`: only on request, since an encoder reads every text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from weitiao.checkpoints.catalogue import default_for
from weitiao.data.files.cells import as_text, cell_texts
from weitiao.data.quality.finding import (
    Case,
    Finding,
    FindingTable,
    Inspected,
    ShownRow,
    ShownText,
)
from weitiao.data.quality.personal_data import hidden
from weitiao.errors import DataError
from weitiao.evaluation.label_errors.of_rows import Suspects, suspects_of
from weitiao.i18n.messages import _
from weitiao.labels.tags.cells import written

SHOWN = 5  # cases
MANY = 0.05  # of the rows: so many wrong labels are a warning


def wrong_labels(inspected: Inspected, checkpoint: str | None = None) -> Iterator[Finding]:
    """Rows whose target is probably wrong, by out-of-fold models; nothing where none can be judged.

    checkpoint: whose vectors are read; by default that of the rows' language.
    """
    known = np.flatnonzero([target is not None for target in inspected.targets])
    try:
        suspects = suspects_of(
            inspected.rows.take(known), checkpoint or default_for(inspected.language)
        )
    except DataError:  # too few rows, or targets that are texts
        return
    wrong = suspects.suspicion.wrong
    if wrong is None or not round(wrong[1]):
        return
    order = suspects.suspicion.order[: math.ceil(wrong[2])]
    low, value, high = (round(one) for one in wrong)
    yield Finding(
        kind="wrong_labels",
        severity="warning" if value >= MANY * len(known) else "note",
        rows=np.sort(known[order]),
        sentence=_(
            "about {value:,} labels are wrong (95 % interval {low:,} to {high:,})",
            value=value,
            low=low,
            high=high,
        ),
        remedy=_("decide about them in a table: weitiao review FILE -o review.xlsx"),
        plan_line="data.corrections=review.xlsx",
        table=FindingTable(
            ["row", "given", "suggested", "suspicion", "reason"],
            lambda: _lines(suspects, order),
        ),
        cases=[_case(suspects, at) for at in order[:SHOWN].tolist()],
        figures={"wrong": [low, value, high], "listed": len(order)},
    )


def _lines(suspects: Suspects, order: np.ndarray) -> Iterator[Sequence[Any]]:
    ids, targets = suspects.rows.ids(), suspects.rows.targets()
    for at in order.tolist():
        suspicion = round(float(suspects.suspicion.values[at]), 4)
        given, suggested = (
            hidden(as_text(written(one))) for one in (targets[at], suspects.suggested[at])
        )
        yield [ids[at], given, suggested, suspicion, str(suspects.reason(at))]


def _case(suspects: Suspects, at: int) -> Case:
    row = suspects.rows.take([at])
    texts = [
        ShownText(role, hidden(cell_texts(row.table.column(str(row.roles[role])), row.indices)[0]))
        for role in row.text_roles
    ]
    target = as_text(written(row.targets()[0]))
    return Case([ShownRow(row.ids()[0], texts, target)], str(suspects.reason(at)))
