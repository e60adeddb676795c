"""A trial of cleaners against none: those that help stand in the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from weitiao import parts
from weitiao.api.clean import Cleaners, build_cleaners
from weitiao.api.inputs import PlanOptions
from weitiao.api.trial import CLEANERS, SEEDS, PairedFits, Trial, Watch, planned
from weitiao.data.cleaners.base import Cleaner, clean_text
from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.model import preprocess
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import as_parts


def try_cleaners(
    rows: Any,
    targets: Any = None,
    *,
    cleaners: Cleaners | None = None,
    seeds: int = SEEDS,
    fine_tune: bool = False,
    watch: Watch = lambda what, done, total: None,
    **options: Unpack[PlanOptions],
) -> Trial:
    """Plan, and keep those cleaners whose gain in cross-validation is certain.

    Each seed leaves the training rows out in four parts; all cleaners learn from the same ones, and
    so does none. Texts to answer are cleaned alike, as those to predict will be. cleaners: names,
    or name -> settings; default: all that need no settings and change a text. fine_tune: train each
    time by the plan, instead of a linear layer on the frozen encoder. The test rows are not read.
    Raises WeitiaoError.
    """
    named = _named(cleaners)
    plan, data = planned(rows, targets, options, seeds)
    chosen, skipped = _candidates(plan, data, named)
    model = Model.start(plan, data.train, data.validation)
    return PairedCleaners(plan, data, model, fine_tune).all_of(chosen, skipped, seeds, watch)


class PairedCleaners(PairedFits):
    """Paired fits of cleaners: they change the texts to answer, too, and add no rows."""

    section = CLEANERS

    def _steps(self, change: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return self.plan.data.steps

    def _started(self, change: Mapping[str, Mapping[str, Any]], train: Rows) -> Model:
        settings = self._with(change)
        cleaners = tuple(build_cleaners(settings).values())
        learned = tuple(one.learn(preprocess.iter_texts(train)) for one in cleaners)
        plan = self.plan.with_({CLEANERS: settings})
        return replace(self.model, plan=plan, cleaners=learned)

    def _count(self, model: Model, made: Rows) -> int:
        """Rows of which a text is changed."""
        return sum(
            any(_changes(model.cleaners, str(text)) for text in example.inputs.values())
            for examples in made.batches()
            for example in examples
        )


def _named(cleaners: Cleaners | None) -> dict[str, dict[str, Any]]:
    """Cleaners with their settings; all without a wish. Raises DataError with all problems of
    those that were named, before anything is measured."""
    if cleaners is None:
        return {name: {} for name in parts.names("cleaners")}
    given = cleaners if isinstance(cleaners, Mapping) else as_parts(list(cleaners))
    named = {name: dict(values or {}) for name, values in given.items()}
    build_cleaners(named)
    return named


def _candidates(
    plan: Plan, data: Data, named: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The cleaners that are tried, and why the others are not."""
    chosen, skipped = {}, {}
    for name, values in named.items():
        if name in plan.data.cleaners:
            skipped[name] = _("the plan has it already")
            continue
        try:
            built = [*build_cleaners({name: values}).values()]
        except DataError as error:
            skipped[name] = str(error)
            continue
        texts = (text for part in (data.train, data.validation)
                 for text in preprocess.iter_texts(part))  # fmt: skip
        if any(_changes(built, text) for text in texts):
            chosen[name] = values
        else:
            skipped[name] = _("it changes no text of these rows")
    if not chosen:
        raise DataError(
            _(
                "no cleaner can be tried: {reasons}",
                reasons=name_list(f"{name} ({why})" for name, why in skipped.items()),
            )
        )
    return chosen, skipped


def _changes(cleaners: Sequence[Cleaner], text: str) -> bool:
    return clean_text(cleaners, text) != text
