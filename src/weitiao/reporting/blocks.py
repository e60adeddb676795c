"""What a page is made of: sentences, bars, tables, plots; the template knows how each looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_ROWS = 16  # of a table of figures behind a plot; it can be looked up, not read


@dataclass(frozen=True)
class Words:
    """A paragraph. kind: "plain", "note" (smaller) or "warning"."""

    text: str
    kind: str = "plain"
    block: str = "words"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    items: Sequence[str]
    block: str = "points"


@dataclass(frozen=True)
class Verdict:
    """Go, no-go or cannot tell yet, and why in a sentence. kind: "go", "stop", "open"."""

    kind: str
    word: str
    reason: str
    block: str = "verdict"


@dataclass(frozen=True)
class Bar:
    """A figure drawn as a bar from 0 to `most`, with how far it may be off."""

    name: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    ours: bool = False


@dataclass(frozen=True)
class Bars:
    """Figures to compare at a glance."""

    caption: str
    items: Sequence[Bar]
    most: float
    block: str = "bars"


@dataclass(frozen=True)
class Table:
    """Rows of cells. numeric: the columns that are aligned to the right."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    numeric: Sequence[int] = ()
    folded: bool = False  # behind a click
    block: str = "table"


@dataclass(frozen=True)
class Plot:
    """A plot: what to draw as plain values, what it shows in a sentence, its figures as a table."""

    name: str  # plain letters: its id in the page
    title: str
    about: str
    drawing: Mapping[str, Any]
    figures: Table
    wide: bool = False  # takes the whole width
    block: str = "plot"


@dataclass(frozen=True)
class Plots:
    """Plots side by side where there is room."""

    items: Sequence[Plot]
    narrow: bool = False  # three in a row instead of two
    block: str = "plots"


@dataclass(frozen=True)
class Row:
    """One row of the user's: where it stands, its texts, what is true and what was answered."""

    id: str
    texts: Sequence[tuple[str, str]]  # role, text
    truth: str
    answer: str
    confidence: str
    right: bool | None = None  # numbers are neither
    # Ways of explaining the answer: (its name, a text in pieces with the class of each).
    marked: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()
    near: tuple[str, str, str] | None = None  # the nearest training row: id, label, text
    other: bool | None = None  # whether `sure` is right, where it is another's answer


@dataclass(frozen=True)
class RowList:
    """Rows to read. head: what truth, answer and sure are called."""

    caption: str
    head: tuple[str, str, str]
    items: Sequence[Row]
    shown: int  # so many are open, the others behind a click
    more: str  # what that click is called; empty when there are no others
    block: str = "rows"


@dataclass(frozen=True)
class Links:
    """Files beside the page: (name, address, what it is)."""

    items: Sequence[tuple[str, str, str]]
    block: str = "links"


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it."""

    name: str  # its id in the page
    title: str
    blocks: Sequence[Any] = field(default=())


def thinned(rows: Sequence[Any], most: int = MOST_ROWS) -> list[Any]:
    """At most so many rows, evenly spread, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]
