"""The rows of a file that a plan learns from, and why it leaves out the others, by row id."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from weitiao.data.files.table import Source
from weitiao.data.prepare.corrections import Corrections
from weitiao.data.prepare.filter import usable
from weitiao.data.prepare.run_steps import AllExamples, built_steps
from weitiao.data.rows import Rows, everything
from weitiao.data.steps.base import Step
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
    for name, step in built_steps(plan.steps, task).items():
        if step.makes_rows:
            chosen.unused.append(name)
        else:
            _apply_step(chosen, name, step)
    return chosen


def _apply_step(chosen: Chosen, name: str, step: Step) -> None:
    """Leave out the rows that a step leaves out."""
    before = chosen.labelled
    places = {identity: at for at, identity in enumerate(before.ids())}
    left = [places[example.id] for example in step(AllExamples(before), random.Random(0))]
    chosen.labelled = before.take(sorted(left))
    reason = _("left out by the step {name}", name=name)
    _leave_out(chosen, before.indices, [chosen.labelled], reason)


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
