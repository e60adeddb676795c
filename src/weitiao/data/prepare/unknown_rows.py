"""Out-of-scope rows: rows whose label the plan names as unknown are set apart from the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weitiao.core.fields import near
from weitiao.data.rows import Rows
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list, plural


def known_and_unknown(rows: Rows, labels: Sequence[str]) -> tuple[Rows, Rows]:
    """In-scope rows, and out-of-scope rows: those with one of these labels."""
    if not labels:
        return rows, rows.take(slice(0))
    names = {label.strip() for label in labels}
    unknown = np.array([str(target).strip() in names for target in rows.targets()], bool)
    return rows.take(np.flatnonzero(~unknown)), rows.take(np.flatnonzero(unknown))


def check_unknown_labels(rows: Rows, labels: Sequence[str]) -> None:
    """Raises DataError where no row has one of these labels, or targets are no single labels."""
    if not labels:
        return
    reader = reader_of(rows.task)
    known = list(reader.label_counts([one for one in rows.targets() if one is not None]))
    if not reader.one_target or not known:
        raise DataError(
            _(
                "data.labels.unknown: it is about tasks with one label a row, not {task}.",
                task=rows.task,
            )
        )
    for label in labels:
        if label.strip() not in {name.strip() for name in known}:
            raise DataError(
                _(
                    "{file}: no row has the label {label!r} of data.labels.unknown.{hint}",
                    file=rows.name,
                    label=label,
                    hint=near(label, known),
                )
            )


def set_apart(unknown: Sequence[Rows | None], labels: Sequence[str]) -> str:
    """The line of the history. unknown: out-of-scope rows of training and validation, of test."""
    learned, tested = (0 if rows is None else len(rows) for rows in unknown)
    return _(
        "{rows} of unknown inputs ({labels}) are not learned: {chosen:,} choose how such inputs "
        "are recognized, {tested:,} test it",
        rows=plural(learned + tested, "row"),
        labels=name_list(labels, 3, quoted=True),
        chosen=learned,
        tested=tested,
    )
