"""Chapter of the design document about learning: loss, optimizer and schedule, each with its
formula and the numbers of one row of the user's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from weitiao import parts
from weitiao.i18n.messages import _, localized, translated
from weitiao.reporting.design import formulas
from weitiao.reporting.design.content import Block, Chapter, Formula, Grid, Points, Prose, Quote
from weitiao.reporting.design.facts import WorkedRow
from weitiao.reporting.design.trace import Trace, number
from weitiao.results.format import short_label

EMPHASIS = re.compile(r"\*(\w+)\*")  # in docstrings


def learning_chapter(trace: Trace) -> Chapter:
    """Loss, optimizer, schedule, strategies."""
    row = trace.facts.row
    blocks: list[Block] = []
    if row is None:
        blocks.append(
            Prose(
                _(
                    "The checkpoint cannot be loaded here, so no row was run through it: general "
                    "formulas only."
                ),
                "warning",
            )
        )
    else:
        blocks += _example(trace, row)
        blocks += _loss(trace, row)
    blocks += _optimizer(trace, row)
    blocks += _schedule(trace)
    blocks += _strategies(trace)
    return Chapter("learning", _("Loss, optimizer and schedule"), blocks)


# --- the row and its loss


def _example(trace: Trace, row: WorkedRow) -> Iterator[Block]:
    yield Prose(
        _(
            "The formulas are worked on one training row, {id}. The network is the pre-trained one "
            "with its new output layer, before any training and without dropout.",
            id=trace.of_facts("row.id", row.id),
        )
    )
    cells: list[list[str]] = [[Quote(role), Quote(text)] for role, text in row.texts.items()]
    cells.append([_("target"), Quote(row.target)])
    if row.unit:
        cells.append([_("first token that has a label"), Quote(row.unit)])
    cells.append([_("tokens"), trace.of_facts("row.tokens", row.tokens)])
    yield Grid(_("The row"), [], cells)


def _loss(trace: Trace, row: WorkedRow) -> Iterator[Block]:
    name, settings = next(iter(trace.plan.train.loss.items()), ("", {}))
    task: Any = parts.find("tasks", trace.plan.task_name)
    part = parts.find("losses", name or task.losses[0])
    yield Prose(_("Loss: {about}.", about=_about(part)))
    general = formulas.general_loss(row)
    if not general:
        yield Prose(
            _(
                "The loss of this row is {loss}, as the training code computes it; no formula of "
                "it is shown here.",
                loss=trace.of_facts("row.loss", number(row.loss)),
            )
        )
        return
    yield Formula(general)
    if row.kind != "squared":
        yield _outputs(trace, row)
    yield Formula(formulas.worked_loss(row), [trace.of_facts("row", "").source])
    yield from _what_it_says(trace, row)
    if settings and trace.full:
        yield Prose(_("Settings of the loss: {settings}.", settings=trace.of_plan("train.loss")))


def _outputs(trace: Trace, row: WorkedRow) -> Grid:
    """The logits of the row with what the loss makes of them."""
    spans = {"start": _("first token of the answer"), "end": _("last token of the answer")}
    names = spans if row.kind == "span" else {}
    rows = []
    for one in row.outputs:
        shown = names.get(one.name) or Quote(short_label(one.name))
        cells = [trace.of_facts("row.outputs", number(v)) for v in (one.logit, one.probability)]
        own = _("yes") if one.share > 0 else ""
        rows.append([shown, *cells] if row.kind == "span" else [shown, *cells, own])
    logit = _("cosine c") if row.kind == "contrastive" else _("logit z")
    first = _("passage") if row.kind == "contrastive" else _("output")
    head = [first, logit, _("probability p"), _("target y")]
    caption = _("Outputs of the network ({source})", source=_file(trace, "row.outputs"))
    return Grid(caption, head[: 3 if row.kind == "span" else 4], rows, [1, 2], marked=False)


def _what_it_says(trace: Trace, row: WorkedRow) -> Iterator[Block]:
    derived = trace.facts.derived
    if row.kind == "cross_entropy" and derived and derived.chance_loss and not row.smoothing:
        yield Prose(
            _(
                "Equal probabilities for all {count} outputs would give {chance}; training lowers "
                "the mean of L over all rows from there towards zero.",
                count=trace.of_facts("row.count", row.count),
                chance=trace.of_facts("derived.chance_loss", number(derived.chance_loss)),
            )
        )
    if row.kind == "cross_entropy" and row.weight != 1:
        yield Prose(
            _(
                "Labels have weights; that of this row's label is {weight}. A step minimizes the "
                "weighted mean:",
                weight=trace.of_facts("row.weight", number(row.weight)),
            )
        )
        yield Formula(formulas.WEIGHTED)
    if row.kind == "squared":
        yield Prose(_("Here y is the target in the scale that the network learns: standardized."))


# --- optimizer


def _optimizer(trace: Trace, row: WorkedRow | None) -> Iterator[Block]:
    name, settings = next(iter(trace.plan.train.optimizer.items()))
    part = parts.find("optimizers", name)
    yield Prose(_("Optimizer: {name}. {about}.", name=Quote(name, code=True), about=_about(part)))
    general = {"adamw": formulas.ADAMW, "adam": formulas.ADAM, "sgd": formulas.SGD}.get(name)
    if general is None:
        return
    if name != "sgd":
        yield Formula(formulas.MOMENTS)
    yield Formula(general)
    derived = trace.facts.derived
    if row is None or row.weights is None or derived is None or derived.stepped is None:
        return
    one, built = row.weights, parts.build("optimizers", name, settings)
    place = ", ".join(map(str, one.place))
    yield Prose(
        _(
            "Worked on one weight, {weight}, at the first step, if the row were a step of its own. "
            "Its gradient is {gradient}, its value {value}:",
            weight=trace.of_facts("row.weights", f"{one.name}[{place}]"),
            gradient=trace.of_facts("row.weights.gradient", number(one.gradient)),
            value=trace.of_facts("row.weights.value", number(one.value)),
        )
    )
    source = [trace.of_facts("row.weights", "").source, trace.of_plan("train.optimizer").source]
    yield Formula(formulas.first_moments(one, built.betas), source)
    step = formulas.first_step(one, derived.first_rate, built.eps, derived.stepped)
    rate = trace.of_facts("derived.first_rate", "").source
    stepped = trace.of_facts("derived.stepped", "").source
    yield Formula(step, [*source, rate, stepped])
    yield Prose(
        _(
            "The first step moves a weight by about the learning rate, however large its gradient: "
            "therefore the rate starts low (warm-up)."
        ),
        "note",
    )
    if trace.plan.train.max_grad_norm:
        yield Prose(
            _(
                "Before each step the gradient of all weights is clipped to the norm c = {norm}:",
                norm=trace.of_plan("train.max_grad_norm"),
            )
        )
        yield Formula(formulas.CLIPPED)


# --- schedule


def _schedule(trace: Trace) -> Iterator[Block]:
    plan, derived = trace.plan.train, trace.facts.derived
    name = next(iter(plan.schedule))
    if derived is not None:
        yield Prose(
            _(
                "Length: {epochs} epochs (E) over {rows} training rows (N) with {batch} rows a "
                "step (B) are {steps} steps (S).",
                epochs=trace.of_plan("train.epochs"),
                rows=trace.of_facts("split.train", derived.train_rows),
                batch=trace.of_plan("train.batch_size"),
                steps=trace.of_facts("derived.steps", derived.steps),
            )
        )
        numbers = (plan.epochs, derived.train_rows, plan.batch_size, derived.steps)
        keys = [trace.of_plan(f"train.{key}").source for key in ("epochs", "batch_size")]
        facts = trace.of_facts("derived", "").source
        yield Formula(formulas.worked_steps(*numbers), [*keys, facts])
    yield Prose(
        _(
            "Learning rate of step t: a share w = {warmup} of the steps rises to the peak "
            "η = {rate}; then {schedule}.",
            warmup=trace.of_plan("train.warmup_ratio"),
            rate=trace.of_plan("train.learning_rate"),
            schedule=_schedule_name(name),
        )
    )
    if plan.warmup_ratio:
        yield Formula(formulas.WARM)
    floor = next(iter(plan.schedule.values())).get("floor", 0.0)
    rates = formulas.FLOORED if floor else formulas.RATES
    if name in rates:
        yield Formula(rates[name])
    if floor:
        at = trace.of_plan("train.schedule", number(float(floor)))
        yield Prose(_("f = {floor} is the share of the rate that is left at the end.", floor=at))
    if derived is None:
        return
    if derived.warmup_steps:
        worked = formulas.worked_rate(
            plan.learning_rate, plan.warmup_ratio, derived.steps, 1, derived.first_rate
        )
        keys = [trace.of_plan(f"train.{key}").source for key in ("learning_rate", "warmup_ratio")]
        yield Formula(worked, [*keys, trace.of_facts("derived.first_rate", "").source])
    rows = [
        [trace.of_facts("derived.rates", step), trace.of_facts("derived.rates", number(rate))]
        for step, rate in derived.rates.items()
    ]
    caption = _("Learning rate ({source})", source=_file(trace, "derived.rates"))
    yield Grid(caption, [_("step"), _("learning rate")], rows, [0, 1], marked=False)


def _schedule_name(name: str) -> str:
    names = {
        "constant": _("it stays there"),
        "linear": _("it falls in a straight line"),
        "cosine": _("it falls along a cosine"),
    }
    return names.get(name, Quote(name))


def _about(part: type) -> Quote:
    """What a part is, by its own words."""
    about = localized(parts.summary(part)).partition(";")[0].partition("；")[0]
    return Quote(EMPHASIS.sub(r"\1", about).rstrip(".。"))


# --- strategies


def _strategies(trace: Trace) -> Iterator[Block]:
    plan = trace.plan.train
    lines = []
    task = parts.build("tasks", trace.plan.task_name)
    fitted = task.head != "spans" and not (task.writes or task.contrasts)
    if plan.linear_start and fitted:
        lines.append(
            _(
                "Linear start: the output layer is fitted to the frozen network first, so that the "
                "first steps do not spoil what the network knows."
            )
        )
    for name in plan.strategies:
        text = translated(parts.summary(parts.find("strategies", name)))
        every = parts.build("strategies", name, plan.strategies[name]).model_dump()
        settings = trace.of_plan(f"train.strategies.{name}", every)
        lines.append(
            _(
                "{name} ({settings}): {about}",
                name=Quote(name),
                settings=settings,
                about=Quote(text),
            )
        )
    if plan.refit == "auto":
        lines.append(
            _(
                "Refit: where rows are few, the chosen recipe is trained once more on training and "
                "validation rows together."
            )
        )
    if plan.refit == "always":
        lines.append(
            _(
                "Refit: the chosen recipe is trained once more on training and validation rows "
                "together."
            )
        )
    if lines:
        yield Prose(_("Strategy:"))
        yield Points(lines)
    if trace.full:
        for name in plan.strategies:
            if name in formulas.STRATEGIES:
                yield Formula(formulas.STRATEGIES[name])


def _file(trace: Trace, key: str) -> str:
    return trace.of_facts(key, trace.facts_file)
