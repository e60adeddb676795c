"""Tables of a model choice and of the model catalogue: choose, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.cli.show import WIDE, add_row
from weitiao.cli.terminal import console, say, table_of
from weitiao.core.units import UNDEFINED
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.i18n.messages import _, joined, localized, name_list, plural, translated

if TYPE_CHECKING:
    from weitiao.api.choose import Choice
    from weitiao.planning.measured import Measured

SHOWN_LANGUAGES = 4


def show_choice(choice: Choice, path: Path) -> None:
    """What was measured, what was refused, the pick with its reason, and the next command."""
    apart = console().width >= WIDE
    head = [
        _("model"),
        metric_name(choice.metric),
        _("neighbours"),
        _("ms a row"),
        _("licence"),
        "[UNK]",
    ]
    head += ["LogME", _("H-score"), _("memory")] if apart else []
    table = table_of(_("models on {rows}", rows=plural(choice.table[0].rows, "row")), *head)
    for one in choice.table:
        style = "bold green" if one.name == choice.model else ""
        cells = _cells(one)
        add_row(table, one.candidate.shown, *(cells if apart else cells[:5]), style=style)
    console().print(table)
    for refused in choice.refused:
        say(_("refused: {model}: {why}", model=refused.name, why=localized(refused.reason)))
    why = choice.plan.why["model.checkpoint"]
    say(_("chosen: {model}: {reason}", model=choice.model, reason=localized(why.reason)))
    say(localized(choice.picked.evidence))
    say(localized(choice.method))
    say(
        _(
            "plan: {path}. next: weitiao check {path} · weitiao train {path}",
            path=path,
        )
    )


def _cells(one: Measured) -> list[str]:
    time = 1000 * (one.row_seconds if one.latency is None else one.latency)
    return [
        f"{one.score:.3f} ({one.low:.3f} – {one.high:.3f})",
        f"{one.neighbours:.3f}",
        f"{time:.1f}",
        one.candidate.licence or "?",
        f"{one.candidate.unknown:.1%}",
        f"{one.log_me:.2f}",
        UNDEFINED if one.h_score is None else f"{one.h_score:.2f}",
        f"{one.memory_mb:,.0f} MB",
    ]


def show_models(models: Sequence[Mapping[str, Any]]) -> None:
    """Known models by size; a ? stands behind facts that were read nowhere."""
    if not models:
        say(_("no known model meets these conditions; loosen one, or name a folder with --model."))
        return
    apart = console().width >= WIDE
    head = [_("kind"), _("size"), _("languages"), _("tokens"), _("licence"), _("strengths")]
    table = table_of(None, _("model"), *(head if apart else [_("size"), _("description")]))
    for line in models:
        kind, size, *more = _facts(line)
        if apart:
            add_row(table, line["model"], kind, size, *more)
        else:
            add_row(table, line["model"], size, " · ".join([kind, *more]))
    table.columns[0].no_wrap = True  # to be copied into a command
    console().print(table)
    say(
        _(
            "{models}; ?: from memory, not verified. `weitiao models NAME` shows where each fact "
            "stands; any other model or folder works too: --model.",
            models=plural(len(models), "model"),
        )
    )


def _facts(line: Mapping[str, Any]) -> list[str]:
    """Kind, size, languages, tokens, licence and strengths as cells."""
    unsure = set(line["unverified"])

    def marked(text: str, fact: str) -> str:
        return f"{text}?" if fact in unsure else text

    size = marked(_size(line["parameters"]), "parameters")
    if "latency_ms" in line:
        size = _("{size}, ≈ {time:.0f} ms", size=size, time=line["latency_ms"])
    strengths = [translated(word) for word in line["strengths"]]
    return [
        translated(line["kind"]),
        size,
        marked(_languages(line), "languages"),
        marked(f"{line['max_length']:,}", "max_length"),
        marked(line["licence"] or _("no licence named"), "licence"),
        joined([*strengths, *([_("here")] if line["here"] else [])], ", "),
    ]


def _size(parameters: int) -> str:
    millions = parameters / 1e6
    return f"{millions / 1000:.1f} B" if millions >= 1000 else f"{millions:.0f} M"


def _languages(line: Mapping[str, Any]) -> str:
    if list(line["languages"]) == ["*"]:
        count = line["language_count"]
        return _("about {count}", count=f"{count:,}") if count else _("many")
    return name_list(line["languages"], SHOWN_LANGUAGES)


def show_model(facts: Mapping[str, Any]) -> None:
    """All facts of a model, each with its source and the day on which it was read."""
    table = table_of(facts["model"], _("fact"), _("value"), _("source"), _("read on"))
    for line in facts["facts"]:
        value = line["value"]
        words = [translated(str(one)) for one in value] if isinstance(value, list) else [value]
        shown = name_list(f"{one:,}" if isinstance(one, int) else str(one) for one in words)
        add_row(
            table, line["fact"], shown or "?", line["source"] or _("not verified"), line["read"]
        )
    console().print(table)
    say(_("on the hub: {name}", name=facts["hub"]))
