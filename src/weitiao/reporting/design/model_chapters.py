"""Chapters of the design document about the model, the settings and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from weitiao import parts
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.hardware import phases
from weitiao.i18n.messages import _, localized, translated
from weitiao.reporting.design.content import Blank, Block, Chapter, Grid, Prose, Quote
from weitiao.reporting.design.facts import Candidate
from weitiao.reporting.design.trace import Trace, shown

MOST_CANDIDATES = 20
TOP_SECTIONS = ("data", "model", "train", "evaluate")


def model_chapter(trace: Trace) -> Chapter:
    """The chosen checkpoint, its head, and the checkpoints it was compared with."""
    plan, one = trace.plan, trace.facts.checkpoint
    blocks: list[Block] = []
    if "model.checkpoint" in plan.why:
        reason = trace.reason("model.checkpoint")
        name: str = Quote(plan.model.checkpoint)
        blocks.append(Prose(_("{model} is taken: {reason}.", model=name, reason=reason)))
    rows: list[list[str]] = [[_("checkpoint"), trace.of_plan("model.checkpoint")]]
    facts: dict[str, tuple[str, Any]] = {
        "family": (_("family"), one.family),
        "parameters": (_("parameters"), one.parameters),
        "trainable": (_("parameters that learn"), one.trainable),
        "layers": (_("layers"), one.layers),
        "hidden_size": (_("width"), one.hidden_size),
        "vocabulary": (_("vocabulary"), one.vocabulary),
        "max_length": (_("tokens read of a row"), one.max_length),
        "head": (_("output layer"), one.head),
        "outputs": (_("outputs"), one.outputs),
    }
    short = {"family", "parameters", "layers", "max_length", "head", "outputs"}
    for key, (name, value) in facts.items():
        if value and (trace.full or key in short):
            rows.append([name, trace.of_facts(f"checkpoint.{key}", value)])
    blocks.append(Grid(_("Model and head"), [], rows, [1]))
    head = next(iter(plan.model.head))
    about = translated(parts.summary(parts.find("heads", head)))
    blocks.append(Prose(_("Output layer: {about}", about=Quote(about))))
    blocks += _candidates(trace)
    return Chapter("model", _("Model: candidates and choice"), blocks)


def _candidates(trace: Trace) -> Iterator[Block]:
    """The catalogue; and, where the plan holds measurements of several models, these."""
    for key, measured in tables_of(trace.plan.expect):
        if about_models(measured):
            scored = any(isinstance(v, (int, float)) for one in measured for v in one.values())
            title = _("Measured on a sample of the rows") if scored else _("Left out, and why")
            yield measured_table(trace, key, measured, title)
    listed = trace.facts.candidates[:MOST_CANDIDATES]
    if not listed:
        return
    rows = []
    for at, one in enumerate(listed):
        key = f"candidates.{at}"
        rows.append(
            [
                Quote(one.name),
                trace.of_facts(key, f"{one.parameters / 1e6:,.0f} M"),
                trace.of_facts(key, one.layers),
                trace.of_facts(key, one.max_length),
                Quote(", ".join(one.languages)),
                Quote(one.licence),
                _("taken") if one.name == trace.plan.model.checkpoint else "",
            ]
        )
    head = [
        *(_("checkpoint"), _("parameters"), _("layers"), _("longest input")),
        *(_("languages"), _("licence"), ""),
    ]
    caption = _(
        "Checkpoints that come as packages ({source})",
        source=trace.of_facts("candidates", trace.facts_file),
    )
    yield Grid(caption, head, rows, [1, 2, 3], marked=False)


def settings_chapter(trace: Trace) -> Chapter:
    """Each chosen setting with its value and reason; in full every other setting, too."""
    plan, rows = trace.plan, []
    for key, reason in plan.why.items():
        value = trace.of_plan(key)
        text: str = trace.reason(key)
        if plan.get(key) != reason.value:
            text = _(
                "set by you; weitiao would take {value}",
                value=trace.of_plan(f"why.{key}", shown(reason.value)),
            )
        rows.append([Quote(key, code=True), value, text])
    blocks: list[Block] = []
    if rows:
        caption = _(
            "Settings ({source})", source=trace.of_plan("why", trace.place("why").partition(":")[0])
        )
        head = [_("setting"), _("value"), _("why")]
        blocks.append(Grid(caption, head, rows, marked=False))
    else:
        blocks.append(Prose(_("The plan has no reasons: it was written by hand.")))
    if trace.full:
        blocks.append(_others(trace))
    return Chapter("settings", _("Hyper-parameters and reasons"), blocks)


def _others(trace: Trace) -> Grid:
    raw = trace.plan.model_dump(exclude={"why", "expect"})
    rows = []
    for section in TOP_SECTIONS:
        for name in raw[section]:
            key = f"{section}.{name}"
            if key not in trace.plan.why:
                rows.append([Quote(key, code=True), trace.of_plan(key)])
    caption = _("All other settings ({source})", source=trace.of_facts("plan", trace.facts_file))
    return Grid(caption, [_("setting"), _("value")], rows, marked=False)


def alternatives_chapter(trace: Trace) -> Chapter:
    """What was not taken, and why; the reader adds what he knows."""
    plan, facts = trace.plan, trace.facts
    rows: list[list[str]] = []
    for at, one in enumerate(facts.candidates):
        if one.name == plan.model.checkpoint:
            continue
        note = trace.of_facts(f"candidates.{at}.note", localized(one.note))
        reason = _why_not(trace, at, one)
        rows.append([Quote(one.name), _("{note}: {reason}", note=note, reason=reason)])
    if not plan.model.adapter:
        rows.append(
            [
                _("Adapters (LoRA)"),
                _(
                    "this plan trains all weights; adapters save memory where a model is large "
                    "(`model.adapter: lora`)"
                ),
            ]
        )
    rows.append(
        [
            _("A linear model on counted words (TF-IDF)"),
            _("trained anyway as a baseline: if it is as good, take it"),
        ]
    )
    rows.append(
        [
            _("Prompting a large language model"),
            _(
                "needs no training, but every row costs a call, and answers change with versions; "
                "compare its predictions by `weitiao compare`"
            ),
        ]
    )
    rows.append([Blank(_("another alternative")), Blank(_("why not"))])
    if plan.model.checkpoint not in CATALOGUE:
        rows.append([_("Checkpoints of the catalogue"), _("the plan names another one")])
    grid = Grid(_("Refused"), [_("alternative"), _("why it is not taken")], rows)
    return Chapter("alternatives", _("Alternatives and why not"), [grid])


def _why_not(trace: Trace, at: int, one: Candidate) -> str:
    """What speaks against a checkpoint of the catalogue, as far as the facts know it."""
    look, taken = trace.facts.look, trace.facts.checkpoint.parameters
    language = max(look.languages, key=lambda code: look.languages[code]) if look else ""
    if language in ("zh", "en") and language not in one.languages:
        return _("not made for the language of these rows")
    size = trace.of_facts(f"candidates.{at}", f"{one.parameters / 1e6:,.0f} M")
    if taken and one.parameters > taken:
        return _(
            "{size} parameters, slower than the one taken; whether it scores better was not "
            "measured here",
            size=size,
        )
    return _(
        "{size} parameters; whether it scores as well as the one taken was not measured here",
        size=size,
    )


# --- tables that stand in the plan: what other commands have measured and written into `expect`


def tables_of(node: Any, above: str = "") -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Tables in nested plain data, each with its dotted key: lists of records, mappings of names to
    records with the same keys, and pairs of rows and score.

    >>> list(tables_of({"a": {"b": [{"rows": 10, "score": 0.5}]}, "c": 1}))
    [('a.b', [{'rows': 10, 'score': 0.5}])]
    >>> list(tables_of({"phases": {"train": {"seconds": 3}, "test": {"seconds": 1}}}))
    [('phases', [{'': 'train', 'seconds': 3}, {'': 'test', 'seconds': 1}])]
    >>> list(tables_of({"curve": [[50, 0.7], [100, 0.8]]}))
    [('curve', [{'rows': 50, 'score': 0.7}, {'rows': 100, 'score': 0.8}])]
    """
    if (records := _records(node, above)) is not None:
        yield above, records
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from tables_of(value, f"{above}.{key}" if above else str(key))


def _records(node: Any, key: str) -> list[dict[str, Any]] | None:
    """What stands there as records; None where it is no table."""
    if isinstance(node, list) and node:
        if all(isinstance(one, dict) for one in node):
            return list(node)
        pairs = all(isinstance(one, list) and len(one) == 2 for one in node)
        if pairs and key.endswith("curve"):
            return [dict(zip(("rows", "score"), one, strict=True)) for one in node]
    if key and isinstance(node, dict) and node:
        values = list(node.values())
        if all(isinstance(one, dict) and one.keys() == values[0].keys() for one in values):
            return [{"": name, **one} for name, one in node.items()]
    return None


def about_models(records: list[dict[str, Any]]) -> bool:
    """Whether records are about checkpoints."""
    return bool({"model", "checkpoint", "candidate"} & records[0].keys())


def estimate(value: Any, spell: Callable[[Any], str] | None = None) -> Any:
    """An estimate with its interval, [value, low, high], as it is shown; others as they are.

    spell: how a single number is written.

    >>> estimate([0.85, 0.8, 0.9]), estimate([3, 1, 2]), estimate(5)
    ('0.85 [0.8, 0.9]', [3, 1, 2], 5)
    """
    plain = isinstance(value, (list, tuple)) and len(value) == 3
    if spell and isinstance(value, (int, float)):
        return spell(value)
    if not plain or not all(isinstance(one, (int, float)) for one in value):
        return value
    middle, low, high = value
    spell = spell or shown
    return f"{spell(middle)} [{spell(low)}, {spell(high)}]" if low <= middle <= high else value


def measured_table(trace: Trace, key: str, records: list[dict[str, Any]], title: str) -> Grid:
    """Records of the plan as a table; the columns are called as they stand there. What begins with
    `raw` was corrected, and is shown in the full document."""
    named = list(dict.fromkeys(name for one in records for name in one))
    names = [name for name in named if trace.full or not name.startswith("raw")]
    texts = {name for name in names for one in records if isinstance(one.get(name), str)}
    numeric = [at for at, name in enumerate(names) if name not in texts]
    spell = phases.shown if key == "phases" else localized
    rows = [
        [trace.of_plan(f"expect.{key}", _cell(one.get(name), spell)) for name in names]
        for one in records
    ]
    place = f"expect.{key}"
    source = trace.of_plan(place, trace.place(place).partition(":")[0])
    caption = _("{title} ({source})", title=title, source=source)
    return Grid(caption, [_column(name) for name in names], rows, numeric, marked=False)


def _cell(value: Any, spell: Callable[[str], str]) -> str:
    if isinstance(value, str):
        return spell(value)
    value = estimate(value)
    return value if isinstance(value, str) else shown(value)


def _column(name: str) -> Quote:
    names = {
        "seconds": _("seconds"),
        "memory_mb": _("memory (MB)"),
        "rows": _("rows"),
        "score": _("score"),
        "model": _("model"),
        "why": _("why"),
        "metric": _("metric"),
    }
    return Quote(names.get(name, name))
