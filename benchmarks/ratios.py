"""Tables of what was measured: how many times faster ours was, round by round, in Markdown.

A ratio is taken within a round, whose contenders ran one after the other; shown are the median and,
in brackets, the lowest and the highest. Disturbed rounds are counted and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import timing


def ratios(records: Sequence[timing.Record], ours: str, theirs: str) -> list[float]:
    """How many times faster `ours` was, in each round where both have an undisturbed figure."""
    mine, other = _rates(records, ours), _rates(records, theirs)
    return [mine[number] / other[number] for number in sorted(mine.keys() & other.keys())]


def _rates(records: Sequence[timing.Record], contender: str) -> dict[int, float]:
    good = [r for r in records if r["contender"] == contender and timing.is_good(r)]
    return {r["round"]: r["rate"] for r in good}


def table(
    records: Sequence[timing.Record], ours: Sequence[str], unit: str, beside: str = ""
) -> str:
    """Markdown: a table for each kind of work; its last columns are ratios of `ours`.

    beside: a figure of the records that is shown too, e.g. accuracy.
    """
    told = []
    for name in dict.fromkeys(r["work"] for r in records):
        mine = [r for r in records if r["work"] == name]
        present = [one for one in ours if _rates(mine, one)]
        faster = [f"{one}: times faster" for one in present]
        heads = ["contender", unit, *([beside] if beside else []), "rounds", *faster]
        lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for contender in dict.fromkeys(r["contender"] for r in mine):
            lines.append(_line(mine, contender, present, beside))
        told.append(f"**{name}** ({_about(mine)})\n\n" + "\n".join(lines))
    return "\n\n".join(told)


def _line(mine: Sequence[timing.Record], contender: str, ours: Sequence[str], beside: str) -> str:
    records = [r for r in mine if r["contender"] == contender]
    rates = list(_rates(mine, contender).values())
    lost = sum(bool(r.get("disturbed")) for r in records)
    rounds = f"{len(rates)}" + (f" ({lost} disturbed, dropped)" if lost else "")
    reasons = [reason(r) for r in records if not timing.has_figures(r)]
    shown = f"{median(rates):,.0f}" if rates else reasons[0] if reasons else "-"
    figures = [r[beside] for r in records if beside in r]
    extra = [f"{median(figures)}" if figures else "-"] if beside else []
    found = [spread(ratios(mine, one, contender)) for one in ours]
    return "| " + " | ".join([contender, shown, *extra, rounds, *found]) + " |"


def reason(record: timing.Record) -> str:
    """Why there is no figure, in one line."""
    why = next(key for key in ("refused", "failed") if key in record)
    told = " ".join(str(record[why]).split())
    return f"{why}: {told[:90]}{'...' if len(told) > 90 else ''}"


def spread(values: Sequence[float]) -> str:
    """The median, and in brackets the lowest and the highest."""
    if not values:
        return "-"
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _about(records: Sequence[timing.Record]) -> str:
    facts = [{**r.get("about", {}), **r["machine"]} for r in records if timing.has_figures(r)]
    if not facts:
        return "no figures"
    keys = ("rows", "mean_tokens", "threads", "processor")
    return ", ".join(f"{key} {facts[-1][key]}" for key in keys if key in facts[-1])
