"""Planning verbs: look at rows, plan a run from them, check a plan."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack, cast

from weitiao.api.inputs import PlanOptions, RowOptions, source_of, wish_of, with_targets
from weitiao.data.prepare.profile import Profile
from weitiao.errors import PlanError
from weitiao.hardware.machine import set_threads
from weitiao.planfile.plan import Plan
from weitiao.planning import advise
from weitiao.planning.check import check as check_plan


def look(rows: Any, targets: Any = None, **options: Unpack[RowOptions]) -> Profile:
    """Profile rows: columns, roles, task, labels, lengths, duplicates, leaks.

    rows and targets: as for `fit`. Raises DataError when columns or task cannot be guessed.
    """
    if isinstance(rows, advise.Wish):  # the signature of 0.1, which gave the source too
        warnings.warn("weitiao.look(Wish(...)): give its fields as options", DeprecationWarning, 2)
        return cast(Any, advise.look(rows, targets))
    path, source = source_of(rows, targets)
    return advise.look(wish_of(path, with_targets(options, source, targets)), source)[0]


def plan(
    rows: Any, targets: Any = None, *, threads: int | None = None, **options: Unpack[PlanOptions]
) -> Plan:
    """Choose task, model and hyperparameters from the rows; each reason stands in `plan.why`.

    rows and targets: as for `fit`. Raises PlanError when the options do not fit together.
    """
    set_threads(threads)
    path, source = source_of(rows, targets)
    return advise.advise(wish_of(path, with_targets(options, source, targets)), source).plan


def check(
    plan: Plan | str | Path,
    changes: Mapping[str, Any] | None = None,
    *,
    here: bool = False,
) -> list[str]:
    """Validate a plan without training: every problem as a sentence; empty when there is none.

    changes: of the plan, e.g. {"train.epochs": 5}. here: also whether this machine can run it.
    """
    try:
        opened = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
        check_plan(opened, here=here)
    except PlanError as error:
        return list(error.problems)
    return []
