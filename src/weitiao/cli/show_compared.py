"""A comparison in a terminal: each metric with its difference and a drawn interval, the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weitiao.cli.show import add_row
from weitiao.cli.show_results import plain
from weitiao.cli.terminal import figure, say, show_rich, table_of
from weitiao.i18n.messages import _, joined, plural

if TYPE_CHECKING:
    from weitiao.results.comparison import Compared

BAR_WIDTH = 17  # characters of a drawn interval, 0 in the middle


def show_compared(compared: Compared) -> None:
    """Each comparison with the first: its metrics, then the verdict in a sentence."""
    from weitiao.results.comparison import reason, share, signed, word
    from weitiao.results.format import split_name

    first = compared.names[0]
    for name, contender in zip(compared.names, compared.aligned.contenders, strict=True):
        if name not in contender.name:  # called by what differs
            say(_("{name}: {path}", name=name, path=contender.name))
    if compared.split:
        say(_("evaluated on: {part}", part=split_name(compared.split)))
    for name, one in zip(compared.names[1:], compared.comparisons, strict=True):
        level = _("{level} interval", level=share(one.level))
        title = _(
            "{first} → {second}: {rows}", first=first, second=name, rows=plural(one.rows, "row")
        )
        head = [_("metric"), first, name, _("second − first"), level, "−  0  +"]
        table = table_of(title, *head)
        table.columns[-1].no_wrap = True
        for gap in one.gaps:
            value, low, high = gap.difference
            interval = _("{low} to {high}", low=signed(low), high=signed(high))
            means = [figure(mean) for mean in gap.means[:2]]
            named = f"{gap.name} {'↑' if gap.higher_is_better else '↓'}"
            add_row(table, named, *means, signed(value), interval, bar(value, low, high))
        show_rich(table)
        verdict = _("{verdict}.", verdict=word(one))
        say(joined([verdict, plain(reason(first, name, one))]))
    say(_("↑ higher is better · ↓ lower is better"))
    for note in compared.aligned.notes:
        say(note)


def bar(value: float, low: float, high: float, width: int = BAR_WIDTH) -> str:
    """An interval as text, on a scale of its own: its ends, its middle, and where 0 lies.

    Empty when it is unknown.

    >>> bar(0.2, 0.1, 0.3, 13), bar(-0.1, -0.3, 0.1, 13), bar(0, 0, 0, 5)
    ('······│·├─●─┤', '├───●─┼─┤····', '··●··')
    """
    if not all(map(math.isfinite, (value, low, high))):
        return ""
    middle, most = width // 2, max(abs(low), abs(high)) or 1.0
    start, at, end = (middle + round(middle * one / most) for one in (low, value, high))
    cells = ["·"] * width
    cells[start : end + 1] = ["─"] * (end + 1 - start)
    cells[start], cells[end] = "├", "┤"
    cells[middle] = "│" if cells[middle] == "·" else "┼"
    cells[at] = "●"
    return "".join(cells)
