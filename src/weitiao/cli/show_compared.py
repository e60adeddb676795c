"""A comparison in a terminal: each metric with its difference and a drawn interval, the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weitiao.cli.show_results import plain
from weitiao.cli.terminal import say, show
from weitiao.i18n.messages import _, joined, plural
from weitiao.results.format import figure

if TYPE_CHECKING:
    from weitiao.evaluation.compare import Gap
    from weitiao.results.comparison import Compared

BAR_WIDTH = 25  # characters of a drawn interval, 0 in the middle


def show_compared(compared: Compared) -> None:
    """Each comparison with the first: its metrics, then the verdict in a sentence."""
    from weitiao.results.comparison import metric_with_direction, reason, share, signed, word
    from weitiao.results.format import split_name

    first = compared.names[0]
    for name, contender in zip(compared.names, compared.aligned.contenders, strict=True):
        if name not in contender.name:  # called by what differs
            say(_("{name}: {path}", name=name, path=contender.name))
    if compared.split:
        say(_("evaluated on: {part}", part=split_name(compared.split)))
    for name, one in zip(compared.names[1:], compared.comparisons, strict=True):
        rows = []
        for gap in one.gaps:
            value, low, high = gap.difference
            interval = _("{low} to {high}", low=signed(low), high=signed(high))
            means = [figure(mean) for mean in gap.means[:2]]
            cells = [metric_with_direction(gap), *means, signed(value), interval]
            rows.append([*cells, drawn_interval(gap)])
        level = _("{level} interval", level=share(one.level))
        head = [_("metric"), first, name, _("second − first"), level, "−  0  +"]
        count = plural(one.rows, "row")
        show(_("{first} → {second}: {rows}", first=first, second=name, rows=count), head, rows)
        verdict = _("{verdict}.", verdict=word(one))
        say(joined([verdict, plain(reason(first, name, one))]))
    for note in compared.aligned.notes:
        say(note)


def drawn_interval(gap: Gap) -> str:
    """The interval of a difference around 0, on a scale of its own; empty when it is unknown."""
    return bar(*gap.difference)


def bar(value: float, low: float, high: float, width: int = BAR_WIDTH) -> str:
    """An interval as text: its ends, its middle, and where 0 lies.

    >>> bar(0.2, 0.1, 0.3, 13), bar(-0.1, -0.3, 0.1, 13), bar(0, 0, 0, 5)
    ('      │ ├─●─┤', '├───●─┼─┤    ', '  ●  ')
    """
    if not all(map(math.isfinite, (value, low, high))):
        return ""
    middle, most = width // 2, max(abs(low), abs(high)) or 1.0
    start, at, end = (middle + round(middle * one / most) for one in (low, value, high))
    cells = [" "] * width
    cells[start : end + 1] = ["─"] * (end + 1 - start)
    cells[start], cells[end] = "├", "┤"
    cells[middle] = "│" if cells[middle] == " " else "┼"
    cells[at] = "●"
    return "".join(cells)
