"""Planning verbs: plan a run from rows, check a plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from weitiao.api.inputs import PlanOptions, source_of, wish_of, with_targets
from weitiao.api.run_evaluation import Say
from weitiao.core import notice
from weitiao.errors import PlanError
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Draft, Plan
from weitiao.planning import advise
from weitiao.planning.full_check import problems_of


def plan(
    rows: Any,
    targets: Any = None,
    *,
    threads: int | None = None,
    measure: bool = False,
    say: Say | None = None,
    **options: Unpack[PlanOptions],
) -> Plan:
    """Choose task, model and hyperparameters from the rows; each reason stands in `plan.why`.

    rows and targets: as for `fit`. measure: rehearse the run on a sample and time a few updates;
    `plan.expect` then has seconds and memory of each phase and the score, with 80 % intervals. say:
    called with what measuring will cost. Raises PlanError when the options do not fit together.
    """
    set_threads(threads)
    path, source = source_of(rows, targets)
    with notice.during(_("choosing the settings: rows and machine are measured")):
        advice = advise.advise(wish_of(path, with_targets(options, source, targets)), source)
    if not measure:
        return advice.plan
    from weitiao.api.measure import measured

    return measured(advice.plan, advice.source, say)


def check(
    plan: Plan | str | Path,
    changes: Mapping[str, Any] | None = None,
    *,
    here: bool = False,
    files: bool = True,
) -> list[str]:
    """Validate a plan without training: every problem as a sentence; empty when there is none.

    changes: of the plan, e.g. {"train.epochs": 5}. here: also whether this machine can run it.
    files: read the rows and look at the checkpoint, too; else only what stands in the plan.
    """
    try:
        if isinstance(plan, Plan):
            draft = Draft(plan.with_(changes or {}), [])
        else:
            draft = Plan.draft(plan, changes)
    except PlanError as error:
        return list(error.problems)
    with notice.during(_("checking rows and checkpoint")):
        return problems_of(draft, here=here, files=files)
