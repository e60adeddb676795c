"""Out-of-fold probabilities of a fine-tuned network: one training for each fold of the rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.core import notice
from weitiao.core.clock import awake
from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.evaluation.label_errors.of_rows import Suspects
from weitiao.evaluation.label_errors.out_of_fold import folds_of
from weitiao.evaluation.label_errors.suspicion import SINGLE, pooled_with
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.run import Run
from weitiao.training.loop import Length, planned_updates
from weitiao.training.run import train_on_all

FOLDS = 3  # each costs a training


def with_fine_tuning(
    suspects: Suspects, plan: Plan, seed: int, say: Callable[[str], None] | None = None
) -> Suspects:
    """Pool the suspicion of linear models with that of networks trained by a plan on the other
    folds. Raises DataError for tasks whose targets are no single labels."""
    task, rows = suspects.task, suspects.rows
    if task.problem_type != SINGLE:
        raise DataError(
            _("--fine-tune is for single labels; {task} is reviewed without.", task=rows.task)
        )
    labels = suspects.gold
    plan = plan.with_(
        {f"task.{rows.task}.labels": list(task.choices), "evaluate.calibration": False}
    )
    fold = folds_of(labels, suspects.groups, seed, FOLDS)
    scores = np.zeros((len(rows), task.outputs))
    nobody = rows.take(np.arange(0))
    with tempfile.TemporaryDirectory() as place:
        for one in np.unique(fold).tolist():
            begun = awake()
            inside, rest = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
            data = Data(rows.take(rest), rows.take(inside), None, nobody, (), f"fold {one}")
            run = Run.create(Path(place), f"fold-{one}", plan, exact=True)
            updates = planned_updates(plan.train, len(rest))
            with notice.during(_("fine-tuning on the other rows")):
                outcome: Any = train_on_all(plan, data, run, Length(updates, updates))
            held_out: Rows = data.validation
            scores[inside] = outcome.model.scored(outcome.model.encode(held_out))
            if say:
                say(
                    _(
                        "fold {one} of {count}: {seconds:.0f} s",
                        one=one + 1,
                        count=len(np.unique(fold)),
                        seconds=awake() - begun,
                    )
                )
    suspicion = pooled_with(suspects.suspicion, scores, labels)
    suggested = [task.choices[at] for at in suspicion.suggested]
    return replace(suspects, suspicion=suspicion, suggested=suggested)
