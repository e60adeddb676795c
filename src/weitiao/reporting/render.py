"""Blocks and sections of a page, rendered as one HTML file that can load nothing else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from weitiao.core.sanitize import visible
from weitiao.i18n.messages import _, language

PACKAGE = "weitiao.reporting"
CHARTS = "echarts.min.js.gz"
HTML_LANGUAGES = {"en": "en", "zh": "zh-CN"}


# --- the blocks of a page

MAX_TABLE_ROWS = 16  # of a table of figures behind a plot; it can be looked up, not read


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
class Interval:
    """A difference and its interval, between -1 and 1. kind: "go", "stop", "open"."""

    name: str
    text: str
    value: float | None
    low: float | None
    high: float | None
    kind: str


@dataclass(frozen=True)
class Intervals:
    """Differences drawn around 0."""

    caption: str
    items: Sequence[Interval]
    block: str = "intervals"


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
class ShownSide:
    """A row of a case: where it stands, its target, its texts in pieces with the class of each."""

    id: str
    target: str
    texts: Sequence[tuple[str, Sequence[tuple[str, str]]]]  # role, pieces


@dataclass(frozen=True)
class ShownCase:
    """Rows side by side."""

    sides: Sequence[ShownSide]
    note: str


@dataclass(frozen=True)
class CaseList:
    """Cases to read. shown: so many are open, the others behind a click called `more`."""

    items: Sequence[ShownCase]
    shown: int
    more: str
    block: str = "cases"


@dataclass(frozen=True)
class RowTable:
    """All rows, packed for the script, which filters and sorts them; the first as plain cells."""

    data: Mapping[str, Any]  # the columns, see row_table.py
    head: Sequence[str]
    first: Sequence[Sequence[str]]
    numeric: Sequence[int]
    caption: str  # of the plain cells
    old: str  # shown where the browser cannot unpack
    note: str = ""
    block: str = "all_rows"


@dataclass(frozen=True)
class Links:
    """Files beside the page: (name, address, what it is)."""

    items: Sequence[tuple[str, str, str]]
    block: str = "links"


@dataclass(frozen=True)
class Markup:
    """HTML of ours, in which everything that came from the user is escaped already."""

    html: str
    block: str = "markup"


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it."""

    name: str  # its id in the page
    title: str
    blocks: Sequence[Any] = field(default=())
    brief: bool = False  # part of the printed summary of two pages


def thinned(rows: Sequence[Any], most: int = MAX_TABLE_ROWS) -> list[Any]:
    """At most so many rows, evenly spread, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]


# --- HTML


def render(title: str, about: str, facts: Sequence[str], shown: Sequence[Section]) -> str:
    """The whole page. Everything that came from the user is escaped by the template.

    about: what kind of page it is, for the window's title; facts: the line under the title.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _text(name)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = lambda value: visible(str(value))
    environment.filters["said"] = said
    environment.filters["raw"] = _Raw
    style, script = _text("report.css"), _text("report.js")
    packed = [packed_json(block.data) for block in _blocks(shown, RowTable)]
    drawn = drawings(shown)
    table = _text("rows.js") if packed else ""
    text: str = environment.get_template("report.html.jinja").render(
        tongue=HTML_LANGUAGES[language()],
        title=title,
        about=about,
        sections=shown,
        brief=any(section.brief for section in shown),
        facts=facts,
        words=_words(),
        policy=policy(style, [script, charts(), *([table] if packed else [])]),
        style=_Raw(style),
        script=_Raw(script),
        table_script=_Raw(table),
        table_rows=_Raw(packed[0] if packed else ""),
        charts=_Raw(base64.b64encode(_bytes(CHARTS)).decode("ascii") if drawn else ""),
        data=_Raw(embedded({"words": _words(), "plots": drawn})),
    )
    return text


class _Raw(str):
    """Ours, or made safe: goes into the page as it is."""

    def __html__(self) -> str:
        return str(self)


def said(text: str) -> _Raw:
    """A sentence of ours, escaped, with `commands` set as code.

    >>> said("`a` < b")
    '<code>a</code> &lt; b'
    """
    import markupsafe

    return _Raw(re.sub("`([^`]+)`", r"<code>\1</code>", str(markupsafe.escape(text))))


def embedded(values: Any) -> str:
    """JSON that cannot end the element it stands in, nor start another.

    >>> embedded({"label": "</script>"})
    '{"label":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def packed_json(values: Any) -> str:
    """JSON as gzip and base64: compact, and nothing in it can end the element it stands in."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=6, mtime=0)
    return base64.b64encode(packed).decode("ascii")


def policy(style: str, scripts: Iterable[str]) -> str:
    """What the browser may do with the page: run these very scripts, apply this very style."""
    hashes = " ".join(f"'sha256-{_digest(one)}'" for one in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'sha256-{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def drawings(sections: Iterable[Section]) -> dict[str, Any]:
    """What the script draws, by the id of its place; plain values without nan."""
    plots = [plot for block in _blocks(sections, Plots) for plot in block.items]
    assert len({plot.name for plot in plots}) == len(plots), "two plots have one name"
    return {plot.name: _finite(_of(plot)) for plot in plots}


def _blocks(sections: Iterable[Section], kind: type[Any]) -> list[Any]:
    return [block for one in sections for block in one.blocks if isinstance(block, kind)]


def _of(plot: Plot) -> dict[str, Any]:
    return {**plot.drawing, "title": plot.title}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def _words() -> dict[str, str]:
    """What stands on buttons and beside plots."""
    return {
        "contents": _("Contents"),
        "dark": _("Dark"),
        "light": _("Light"),
        "print": _("Print"),
        "summary": _("Print summary"),
        "everything": _("Print all"),
        "hint": _("Scroll sideways for more →"),
        "figures": _("Show data"),
        "skip": _("Skip to content"),
        "near": _("nearest training row:"),
        "made": _("Written by weitiao. This page loads nothing from anywhere."),
        "charts": _("Plots: Apache ECharts, Apache License 2.0."),
    }


@cache
def _bytes(name: str) -> bytes:
    return files(PACKAGE).joinpath(name if name == CHARTS else f"template/{name}").read_bytes()


def _text(name: str) -> str:
    return _bytes(name).decode("utf-8")


@cache
def charts() -> str:
    """The plotting library, as the browser inflates it."""
    return gzip.decompress(_bytes(CHARTS)).decode("utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
