"""Rows whose target does not fit the task: named, or set aside when bad rows may be skipped."""

from __future__ import annotations

from collections import Counter

import numpy as np

from weitiao.data.answers import TASK, read_answers
from weitiao.data.bad import Bad, refused, set_aside
from weitiao.data.rows import Rows
from weitiao.data.targets import read_targets, unlabelled_marks
from weitiao.messages import counted, tell


def without_misfits(rows: Rows, skip_bad: bool, history: list[str], bad: list[Bad]) -> Rows:
    """The rows whose target fits; the others go to `bad`, and `history` says so.

    Raises DataError naming the first that does not fit, unless `skip_bad`.
    """
    if "target" not in rows.roles:
        return rows
    wrong: dict[int, str] = {}
    role = rows.roles["target"]
    if rows.task == TASK:
        read_answers(rows.table, rows.roles, rows.indices, rows.id_of, wrong)
        marks = Counter[str]()
    else:
        read_targets(rows.table, role, rows.task, rows.indices, rows.id_of, wrong)
        marks = unlabelled_marks(rows.table, role, rows.task, rows.indices)
    if marks:
        history.append(
            tell(
                "{cells} that say {marks} count as empty targets",
                cells=counted(sum(marks.values()), "cell"),
                marks=", ".join(sorted(marks)),
            )
        )
    if not wrong:
        return rows
    found = [Bad(0, reason, id=rows.id_of(position)) for position, reason in wrong.items()]
    if not skip_bad or len(found) == len(rows):
        raise refused(found)
    history.append(set_aside(found))
    bad += found
    return rows.take(np.flatnonzero(~np.isin(rows.indices, np.array(list(wrong), np.int64))))
