"""The rows of a file that a plan learns from, and why it leaves out the others, by row id."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.data.files.table import Source
from weitiao.data.prepare.corrections import Corrections
from weitiao.data.prepare.filter import usable
from weitiao.data.rows import Rows, everything
from weitiao.i18n.messages import _
from weitiao.planfile.plan import DataPlan


@dataclass
class Chosen:
    """The rows that a plan keeps: those with a target, and those without one.

    removed: position in the table -> why it is left out. unused: steps of the plan that make rows.
    """

    labelled: Rows
    unlabelled: Rows
    history: list[str]
    removed: dict[int, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


def chosen_rows(plan: DataPlan, task: str, source: Source) -> Chosen:
    """Apply a plan's rules and filters to all rows of a source, as far as they concern single rows:
    nothing is split or sampled. Raises DataError.

    Rows that repeat others are found by whoever cleans them: cleaned texts may be equal.
    """
    history: list[str] = []
    bad: list[Any] = []
    labelled, unlabelled = usable(source, plan, task, history, bad, strict=False)
    chosen = Chosen(labelled, unlabelled, history)
    rows = Rows(source.table, everything(source.table), plan.roles, source.name, task)
    _leave_out(chosen, rows.indices, [labelled, unlabelled], "")
    for position in chosen.removed:
        chosen.removed[position] = _reason(rows, position)
    if plan.corrections:
        corrections = Corrections.read(plan.corrections, labelled)
        counts = Counter[str]()
        changes, lost = corrections.applied(labelled, counts)
        history += corrections.lines(counts, [labelled])
        left = labelled.take(np.flatnonzero(~np.isin(labelled.indices, list(lost))))
        chosen.labelled = replace(left, changes=changes)
        chosen.removed |= dict.fromkeys(lost, _("removed by data.corrections"))
    for name, settings in plan.steps.items():
        _apply_step(chosen, name, settings)
    return chosen


def _apply_step(chosen: Chosen, name: str, settings: Any) -> None:
    """Leave out the rows that a step leaves out; a step that makes rows is not applied."""
    step = parts.build("steps", name, settings)
    before = chosen.labelled
    places = {identity: at for at, identity in enumerate(before.ids())}
    after: list[int] = []
    for example in step(_Again(before), random.Random(0)):
        if example.id not in places:
            chosen.unused.append(name)
            return
        after.append(places[example.id])
    if len({*after}) < len(after):
        chosen.unused.append(name)
        return
    chosen.labelled = before.take(sorted(after))
    reason = _("left out by the step {name}", name=name)
    _leave_out(chosen, before.indices, [chosen.labelled], reason)


class _Again:
    """Examples of rows that may be walked more than once."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __iter__(self) -> Any:
        for batch in self.rows.batches():
            yield from batch


def _leave_out(chosen: Chosen, before: np.ndarray, kept: Sequence[Rows], reason: str) -> None:
    left = np.concatenate([rows.indices for rows in kept])
    chosen.removed |= dict.fromkeys(np.setdiff1d(before, left).tolist(), reason)


def _reason(rows: Rows, position: int) -> str:
    """Why a row is none that a run learns from."""
    row = rows.take([position])
    for role in row.text_roles:
        text = row.table.column(str(row.roles[role]))[position].as_py()
        if text is None or not str(text).strip():
            return _("has no text")
    return _("its target is dropped, or cannot be read")
