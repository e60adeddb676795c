"""Which parts of the rows are looked at: length, language, label, every column, kinds of texts.

All are cut without a look at what is right and wrong, else the test of a slice would be no test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from weitiao.data.files.cells import take
from weitiao.data.files.table import OURS
from weitiao.data.prepare.profile import language_of
from weitiao.data.rows import Rows
from weitiao.evaluation.slices import FEWEST, Candidate
from weitiao.i18n.messages import N_
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels

QUARTERS = (N_("shortest quarter"), N_("second quarter"), N_("third quarter"),
            N_("longest quarter"))  # fmt: skip
NUMBERS = (N_("lowest quarter"), N_("second quarter"), N_("third quarter"),
           N_("highest quarter"))  # fmt: skip
MOST_VALUES = 60  # of one column that are looked at, the most frequent
MOST_DIFFERENT = 0.5  # values for each row; above, a column is an id or a text
LONGEST_VALUE = 80  # characters; longer ones are texts, not kinds


def candidates_of(
    rows: Rows, judged: Answers, texts: Sequence[str], groups: np.ndarray | None = None
) -> list[Candidate]:
    """Every candidate. texts: one a row; groups: the kind of text of each row, if there are any."""
    lengths = np.array([len(text) for text in texts])
    found = _quarters("length", "", lengths, QUARTERS)
    found += _values("language", "", [language_of(text) for text in texts])
    found += _of_targets(judged)
    if groups is not None:
        found += [
            Candidate("texts", "", str(group), np.flatnonzero(groups == group))
            for group in np.unique(groups)
        ]
    return found + _of_columns(rows)


@singledispatch
def _of_targets(judged: Answers) -> list[Candidate]:
    return _quarters("label", "", judged.targets, NUMBERS) if judged.numeric else []


@_of_targets.register
def _of_labels(judged: Labels) -> list[Candidate]:
    return _values("label", "", [judged.labels[at] for at in judged.targets])


@_of_targets.register
def _of_label_sets(judged: LabelSets) -> list[Candidate]:
    return [
        Candidate("label", "", label, np.flatnonzero(judged.has_label(at)))
        for at, label in enumerate(judged.labels)
    ]


def _of_columns(rows: Rows) -> list[Candidate]:
    """The columns that the model does not read and that are no truth."""
    taken = {*OURS}
    for column in rows.roles.values():
        taken |= {column} if isinstance(column, str) else set(column)
    found = []
    for name in rows.table.column_names:
        if name in taken:
            continue
        values = take(rows.table.column(name), rows.indices).to_pylist()
        numbers = _numbers(values)
        if numbers is not None:
            found += _quarters("column", name, numbers, NUMBERS)
            continue
        told = ["" if value is None else str(value).strip() for value in values]
        if len(set(told)) <= MOST_DIFFERENT * len(told):
            found += _values("column", name, told)
    return found


def _values(kind: str, name: str, values: Sequence[str]) -> list[Candidate]:
    """A candidate for each frequent value; none where all rows share it."""
    counts = Counter(values)
    if len(counts) < 2:
        return []
    often = [v for v, count in counts.most_common(MOST_VALUES)
             if count >= FEWEST and v and len(v) <= LONGEST_VALUE]  # fmt: skip
    every = np.array(values, dtype=object)
    return [Candidate(kind, name, value, np.flatnonzero(every == value)) for value in often]


def _numbers(values: Sequence[Any]) -> np.ndarray | None:
    """The cells as numbers where most are, and too many different ones to be kinds."""
    found = np.full(len(values), np.nan)
    for at, value in enumerate(values):
        if isinstance(value, bool) or value is None:
            continue
        try:
            found[at] = float(value)
        except (TypeError, ValueError):
            continue
    known = found[~np.isnan(found)]
    many = len(np.unique(known)) > 12
    return found if many and len(known) > 0.9 * len(found) else None


def _quarters(kind: str, name: str, numbers: np.ndarray, names: Sequence[str]) -> list[Candidate]:
    """The rows in four parts of about the same size; fewer where many are equal."""
    known = numbers[~np.isnan(numbers.astype(float))]
    edges = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else []
    which = np.searchsorted(edges, numbers, side="left")
    found = []
    for at, told in enumerate(names):
        inside = np.flatnonzero((which == at) & ~np.isnan(numbers.astype(float)))
        if len(inside) and len(inside) < len(numbers):
            found.append(Candidate(kind, name, told, inside))
    return found
