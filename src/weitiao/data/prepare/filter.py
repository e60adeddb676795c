"""Row filter: rows without a text or with a malformed target; labelled and unlabelled ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from weitiao.data.files.bad_rows import Bad, refused, set_aside
from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.files.table import Source
from weitiao.data.infer.cells import is_missing
from weitiao.data.infer.column_names import plain
from weitiao.data.infer.roles import TEXT_ROLES, check_role
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.declared import without_refused
from weitiao.data.prepare.label_rules import with_label_rules
from weitiao.data.rows import WEIGHT, Rows, everything
from weitiao.data.targets import TargetReader, read_targets, reader_of, target_columns
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, name_list, plural
from weitiao.planfile.plan import DataPlan

# Columns that may hold weights: said, and never taken without being named.
WEIGHT_NAMES = {"weight", "weights", "sample_weight", "row_weight", "权重", "样本权重"}
FEWEST_ROWS = 10  # labelled ones; below this no split means anything


def usable(
    source: Source,
    plan: DataPlan,
    task: str,
    history: list[str],
    bad: list[Bad],
    *,
    strict: bool = True,
    separator: str = "",
) -> tuple[Rows, Rows]:
    """Labelled and unlabelled rows; those without a text are filtered out. Raises DataError.

    strict, separator: of the rules for labels, as for `with_label_rules`.
    """
    for role, column in plan.roles.items():
        try:
            check_role(role, column, source.columns)
        except DataError as error:
            raise DataError(placed(source.name, str(error))) from None
    if "target" not in plan.roles or not set(TEXT_ROLES) & plan.roles.keys():
        raise DataError(
            _("data.roles must name a text and the target, e.g. {{text: a, target: b}}.")
        )
    rows = Rows(source.table, everything(source.table), plan.roles, source.name, task)
    rows = without_refused(without_blank(rows, history), history)
    rows = without_misfits(rows, plan.skip_bad, history, bad)
    rows = with_label_rules(rows, plan.labels, history, strict=strict, separator=separator)
    history += weight_lines(rows)
    labelled = np.array([target is not None for target in rows.targets()], bool)
    if not labelled.all():
        count = plural(int((~labelled).sum()), "row")
        history.append(reader_of(task).unlabelled_message(count))
    return rows.take(np.flatnonzero(labelled)), rows.take(np.flatnonzero(~labelled))


def without_blank(rows: Rows, history: list[str]) -> Rows:
    """Filter out rows that lack a text; `history` counts and names them."""
    empty = np.zeros(len(rows), bool)
    for role in rows.text_roles:
        column = rows.table.column(str(rows.roles[role]))
        done = 0
        for span in position_batches(rows.indices, duplicates.SPAN):
            blank = [not text.strip() for text in cell_texts(column, span)]
            empty[done : done + len(span)] |= np.array(blank)
            done += len(span)
    if not empty.any():
        return rows
    named = rows.take(np.flatnonzero(empty)[:4]).ids()
    history.append(
        _(
            "{rows} without a text left out ({named})",
            rows=plural(int(empty.sum()), "row"),
            named=name_list(named, 3),
        )
    )
    return rows.take(np.flatnonzero(~empty))


def weight_lines(rows: Rows) -> Iterator[str]:
    """What is said of the weights of rows. Raises DataError, naming the row, for one that is none,
    and for tasks whose losses have no weights."""
    if WEIGHT not in rows.roles:
        names = [name for name in rows.table.column_names if plain(name) in WEIGHT_NAMES]
        taken = {*rows.text_columns, *target_columns(rows.roles)}
        if free := [name for name in names if name not in taken]:
            yield _(
                "the column {column!r} is not used; if it holds weights of rows: --roles "
                "weight={column}",
                column=free[0],
            )
        return
    reader = reader_of(rows.task)
    if reader.head == "text":
        raise DataError(
            _("data.roles: weight: rows of {task} have no weights; leave it out.", task=rows.task)
        )
    weights = rows.weights()
    assert weights is not None, "there is a column"
    empty = [is_missing(text) for text in _cells_of(rows)]
    if not (weights > 0).any():
        raise DataError(
            _("{file}: every row has the weight 0: nothing would be learned.", file=rows.name)
        )
    yield _(
        "weights of rows from the column {column!r}: {low:g} to {high:g}, {zero:,} of them 0; "
        "{empty:,} empty ones count 1",
        column=str(rows.roles[WEIGHT]),
        low=float(weights.min()),
        high=float(weights.max()),
        zero=int((weights == 0).sum()),
        empty=sum(empty),
    )


def _cells_of(rows: Rows) -> list[str]:
    return cell_texts(rows.table.column(str(rows.roles[WEIGHT])), rows.indices)


def check_enough(targets: Sequence[Any], reader: TargetReader, file: str) -> None:
    """Raises DataError where there are too few labelled rows, or all have the same target."""
    if len(targets) < FEWEST_ROWS:
        raise DataError(
            _(
                "{file}: {count} labelled rows are too few to learn from: label at least {fewest}, "
                "better some hundreds.",
                file=file,
                count=len(targets),
                fewest=FEWEST_ROWS,
            )
        )
    reader.check_learnable(targets, file)


def without_misfits(rows: Rows, skip_bad: bool, history: list[str], bad: list[Bad]) -> Rows:
    """Filter out rows with a malformed target; they go to `bad`, and `history` says so.

    Raises DataError naming the first of them, unless `skip_bad`.
    """
    if "target" not in rows.roles:
        return rows
    wrong: dict[int, str] = {}
    read_targets(rows.table, rows.roles, rows.task, rows.indices, rows.id_of, wrong)
    markers = reader_of(rows.task).missing_markers(rows.table, rows.roles, rows.indices)
    if markers:
        history.append(
            _(
                "{cells} that say {marks} count as empty targets",
                cells=plural(sum(markers.values()), "cell"),
                marks=name_list(sorted(markers), quoted=True),
            )
        )
    if not wrong:  # a target that cannot be read is told first
        for at, reason in reader_of(rows.task).misfits(rows):
            wrong[int(rows.indices[at])] = reason
    elif skip_bad:
        read = rows.take(np.flatnonzero(~np.isin(rows.indices, np.array(list(wrong), np.int64))))
        for at, reason in reader_of(rows.task).misfits(read):
            wrong[int(read.indices[at])] = reason
    if not wrong:
        return rows
    misfits = [Bad(0, reason, id=rows.id_of(position)) for position, reason in wrong.items()]
    if not skip_bad or len(misfits) == len(rows):
        raise refused(misfits)
    history.append(set_aside(misfits))
    bad += misfits
    return rows.take(np.flatnonzero(~np.isin(rows.indices, np.array(list(wrong), np.int64))))
