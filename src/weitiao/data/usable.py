"""The rows that can be used: with a text, and readable; those with a target and those without."""

from __future__ import annotations

import numpy as np

from weitiao.data import duplicates, gather
from weitiao.data.bad import Bad
from weitiao.data.columns import TEXT_ROLES, check_role
from weitiao.data.misfits import without_misfits
from weitiao.data.rows import Rows, everything
from weitiao.data.table import Source
from weitiao.errors import DataError, placed
from weitiao.messages import counted, tell
from weitiao.plan import DataPlan


def usable(
    source: Source, plan: DataPlan, task: str, history: list[str], bad: list[Bad]
) -> tuple[Rows, Rows]:
    """Labelled and unlabelled rows, those without a text left out."""
    for role, column in plan.roles.items():
        try:
            check_role(role, column, source.columns)
        except DataError as error:
            raise DataError(placed(source.name, str(error))) from None
    if "target" not in plan.roles or not set(TEXT_ROLES) & plan.roles.keys():
        raise DataError(
            tell("data.roles must name a text and the target, e.g. {{text: a, target: b}}.")
        )
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
            tell(
                "{rows} without a text left out ({named})",
                rows=counted(int(empty.sum()), "row"),
                named=named + more,
            )
        )
    rows = rows.take(np.flatnonzero(~empty))
    rows = without_misfits(rows, plan.skip_bad, history, bad)
    labelled = np.array([target is not None for target in rows.targets()], bool)
    if not labelled.all():
        count = counted(int((~labelled).sum()), "row")
        history.append(
            tell(
                "{rows} without a target set apart; write [] where a row has none of the labels",
                rows=count,
            )
            if task == "multilabel"
            else tell("{rows} without a target set apart", rows=count)
        )
    return rows.take(np.flatnonzero(labelled)), rows.take(np.flatnonzero(~labelled))
