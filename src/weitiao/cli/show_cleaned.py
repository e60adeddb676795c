"""What the command clean shows: counts and samples of each cleaner, and what needs a look."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from weitiao.cli.terminal import say, show
from weitiao.core.sanitize import visible
from weitiao.i18n.messages import _, name_list, plural

if TYPE_CHECKING:
    from weitiao.api.clean import Cleaned

NAMED = 3  # rows in a message


def show_cleaned(cleaned: Cleaned) -> None:
    """The report of a cleaning."""
    for line in cleaned.notes:
        say(line)
    title = _("cleaners, on {columns}", columns=name_list(cleaned.columns))
    counts = [(one.name, f"{one.texts:,}", f"{-one.shorter:+,}") for one in cleaned.cleaners]
    show(title, (_("cleaner"), _("texts changed"), _("characters")), counts)
    for tally in cleaned.cleaners:
        for sample in tally.samples:
            say(f"{tally.name}  {sample.row}")
            say(f"  - {visible(sample.before)}")
            say(f"  + {visible(sample.after)}")
    _say_what_is_missing(cleaned)
    for warning in cleaned.warnings:
        say(_("warning: {text}", text=warning))
    changed = plural(cleaned.changed, "row")
    if cleaned.output:
        message = _(
            "{rows} written to {path}; changed: {changed}",
            rows=plural(cleaned.written, "row"),
            changed=changed,
            path=cleaned.output,
        )
        say(message)
        say(
            _(
                "A model that is trained on these rows reads new texts as they are. Cleaners in "
                "the plan (data.cleaners) travel with the model instead."
            )
        )
    else:
        say(
            _(
                "would change: {changed} of {total:,}; nothing is written, -o FILE writes them",
                changed=changed,
                total=cleaned.rows,
            )
        )


def _say_what_is_missing(cleaned: Cleaned) -> None:
    """Rows that lost their text or their spans, rows left alone, rows left out and why."""
    if cleaned.empty:
        say(
            _(
                "no text is left in {rows} ({named})",
                rows=plural(len(cleaned.empty), "row"),
                named=name_list(cleaned.empty, NAMED),
            )
        )
    if cleaned.lost:
        say(
            _(
                "no text is left of {spans}, which are removed from their rows ({named})",
                spans=plural(sum(cleaned.lost.values()), "span"),
                named=name_list(cleaned.lost, NAMED),
            )
        )
    if cleaned.unmoved:
        say(
            _(
                "left as before: {rows} whose spans, tags or answers do not fit the text ({named})",
                rows=plural(len(cleaned.unmoved), "row"),
                named=name_list(cleaned.unmoved, NAMED),
            )
        )
    for reason, count in _reasons(cleaned).items():
        places = [row for row, why in cleaned.removed if _kind(why) == reason]
        say(
            _(
                "{rows} left out ({named}): {reason}",
                rows=plural(count, "row"),
                named=name_list(places, NAMED),
                reason=next(why for _row, why in cleaned.removed if _kind(why) == reason),
            )
        )


def _reasons(cleaned: Cleaned) -> Counter[str]:
    return Counter(_kind(reason) for _row, reason in cleaned.removed)


def _kind(reason: str) -> str:
    """What reasons have in common: "repeats" of any row."""
    return str(getattr(reason, "template", "") or reason)
