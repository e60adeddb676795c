"""A trial of augmentation steps against none: those that help stand in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np

from weitiao import parts
from weitiao.api.augment import Steps, settings_of
from weitiao.api.inputs import PlanOptions
from weitiao.api.trial import SEEDS, PairedFits, Trial, Watch, planned
from weitiao.data.augmentation.step import Augmentation
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.run_steps import run_steps
from weitiao.errors import DataError, PartError, PlanError
from weitiao.i18n.messages import _, name_list
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan

CHECKED_ROWS = 8  # training rows that a step must take, before anything is measured


def try_steps(
    rows: Any,
    targets: Any = None,
    *,
    steps: Steps | None = None,
    times: int | None = None,
    seeds: int = SEEDS,
    fine_tune: bool = False,
    watch: Watch = lambda what, done, total: None,
    **options: Unpack[PlanOptions],
) -> Trial:
    """Plan, and keep those augmentation steps whose gain in cross-validation is certain.

    Each seed leaves the training rows out in four parts; all steps learn from the same ones, and so
    does none. Where several steps help, they are tried together. steps: as for `augment`; default:
    all that fit the rows. fine_tune: train each time by the plan, instead of a linear layer on the
    frozen encoder. The test rows are not read. Raises WeitiaoError.
    """
    settings = _named(steps, times)
    plan, data = planned(rows, targets, options, seeds)
    chosen, skipped = _candidates(plan, data, settings, strict=steps is not None)
    model = Model.start(plan, data.train, data.validation)
    fits = PairedFits(plan, data, model, fine_tune)
    return fits.all_of(chosen, skipped, seeds, watch)


def _named(steps: Steps | None, times: int | None) -> dict[str, dict[str, Any]]:
    """Steps with their settings; all that make copies without a wish. Raises PlanError for others,
    before anything is measured."""
    known = [n for n in parts.names("steps") if issubclass(parts.find("steps", n), Augmentation)]
    settings = settings_of(known if steps is None else steps, times)
    if wrong := [name for name in settings if name not in known]:
        message = _(
            "data.steps: {names} makes no changed copies; there are {known}.",
            names=name_list(wrong),
            known=name_list(known),
        )
        raise PlanError([message])
    return settings


def _candidates(
    plan: Plan, data: Data, settings: Mapping[str, dict[str, Any]], *, strict: bool
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Steps that can be tried on the rows of a plan; and why others cannot: where they were named
    (`strict`), this is raised."""
    chosen, skipped = {}, {}
    some = data.train.take(np.arange(min(len(data.train), CHECKED_ROWS)))
    for name, values in settings.items():
        try:
            run_steps(some, {name: values}, plan.train.seed)
            chosen[name] = values
        except (DataError, PlanError) as error:
            if strict:
                raise
            skipped[name] = str(error)
        except PartError as error:
            if strict:
                problems = [f"data.steps.{name}.{path}: {why}" for path, why in error.problems]
                raise PlanError(problems) from None
            skipped[name] = _(
                "needs settings of yours: {names}",
                names=name_list([path for path, _why in error.problems]),
            )
    if not chosen:
        reasons = name_list(f"{name} ({why})" for name, why in skipped.items())
        raise DataError(_("no step can be tried: {reasons}", reasons=reasons))
    return chosen, skipped
