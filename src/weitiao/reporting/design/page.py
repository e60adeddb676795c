"""plan.html: the design document as a page, in the look of the report, formulas as MathML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import markupsafe

from weitiao.i18n.messages import _
from weitiao.reporting.design.content import (
    Blank,
    Block,
    Document,
    Figure,
    Flow,
    Formula,
    Grid,
    Points,
    Prose,
    Quote,
    pieces,
)
from weitiao.reporting.page import write_html
from weitiao.reporting.render import Markup, Section, render, said

SPLIT = r",\quad"  # parts of a formula that stand on lines of their own
# The picture of the pipeline, in units of its own.
COLUMNS, WIDE, HIGH, GAP, LINE = 4, 212, 96, 34, 18
MOST_LINES = 3
HALF, FULL = 7.0, 13.0  # width of a letter and of a Chinese character


def write(document: Document, path: Path) -> Path:
    """Write the page whole or not at all."""
    return write_html(path, html_of(document))


def html_of(document: Document) -> str:
    """The page. Everything that is not ours is escaped."""
    marks = {source: at for at, source in enumerate(document.sources, 1)}
    writer = _Writer(marks)
    sections = [
        Section(one.name, one.title, [Markup(writer.block(block)) for block in one.blocks])
        for one in document.chapters
    ]
    if marks:
        listed = [Markup(_sources(marks))]
        sections.append(Section("sources", _("Where the figures are from"), listed))
    facts = [str(fact) for fact in document.facts]
    return render(document.title, _("Design"), facts, sections)


def _sources(marks: Mapping[str, int]) -> str:
    items = "".join(
        f'<li id="source-{at}">{markupsafe.escape(source)}</li>' for source, at in marks.items()
    )
    return f'<ol class="sources">{items}</ol>'


class _Writer:
    """Blocks as HTML. marks: source -> its number in the list at the end."""

    def __init__(self, marks: Mapping[str, int]) -> None:
        self.marks = marks
        self.ways: dict[type, Callable[..., str]] = {
            Prose: self._prose,
            Points: self._points,
            Grid: self._grid,
            Formula: self._formula,
            Flow: self._flow,
        }

    def block(self, block: Block) -> str:
        return self.ways[type(block)](block)

    def text(self, text: str, marked: bool = True) -> str:
        return "".join(self._piece(piece, marked) for piece in pieces(text))

    def _piece(self, piece: str, marked: bool) -> str:
        safe = markupsafe.escape(piece)
        if isinstance(piece, Figure):
            source = markupsafe.escape(piece.source)
            shown = f'<span class="figure" title="{source}"><bdi>{said(piece)}</bdi></span>'
            return shown + (self._mark(piece.source) if marked else "")
        if isinstance(piece, Blank):
            return f'<span class="blank">{safe}</span>'
        if isinstance(piece, Quote):
            return f"<code>{safe}</code>" if piece.code else f"<bdi>{safe}</bdi>"
        return said(piece)

    def _mark(self, source: str) -> str:
        at = self.marks[source]
        label = markupsafe.escape(_("source: {source}", source=source))  # begins as it is seen
        link = f'<a href="#source-{at}" aria-label="[{at}] {label}">[{at}]</a>'
        return f'<sup class="mark">{link}</sup>'

    def _prose(self, block: Prose) -> str:
        return f'<p class="{block.kind}">{self.text(block.text)}</p>'

    def _points(self, block: Points) -> str:
        items = "".join(f"<li>{self.text(item)}</li>" for item in block.items)
        return f'<ul class="points">{items}</ul>'

    def _grid(self, block: Grid) -> str:
        def cell(at: int, text: str, tag: str, scope: str, marked: bool) -> str:
            number = ' class="number"' if at in block.numeric and block.head else ""
            return f"<{tag}{scope}{number}>{self.text(text, marked)}</{tag}>"

        def body(at: int, text: str) -> str:
            tag, scope = ("td", "") if at else ("th", ' scope="row"')
            return cell(at, text, tag, scope, block.marked)

        named = enumerate(block.head)
        head = "".join(cell(at, name, "th", ' scope="col"', False) for at, name in named)
        rows = "".join(
            f"<tr>{''.join(body(at, text) for at, text in enumerate(row))}</tr>"
            for row in block.rows
        )
        caption = f"<caption>{self.text(block.caption)}</caption>" if block.caption else ""
        wide = ' class="prose"' if len(block.head) > 2 and not block.numeric else ""
        wide = wide if block.head else ' class="pairs"'
        label = markupsafe.escape(str(block.caption))
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table{wide}>'
            f"{caption}{f'<thead><tr>{head}</tr></thead>' if head else ''}"
            f"<tbody>{rows}</tbody></table></div>"
        )

    def _formula(self, block: Formula) -> str:
        lines = "".join(mathml(part) for part in parts_of(block.latex))
        marks = "".join(self._mark(one) for one in dict.fromkeys(block.sources))
        kind = "formula worked" if block.sources else "formula"
        return (
            f'<figure class="{kind}"><div class="scroll" tabindex="0">{lines}</div>{marks}</figure>'
        )

    def _flow(self, block: Flow) -> str:
        rows = -(-len(block.boxes) // COLUMNS)
        width, height = COLUMNS * (WIDE + GAP) - GAP, rows * (HIGH + GAP) - GAP
        drawn = "".join(self._box(at, *box) for at, box in enumerate(block.boxes))
        arrows = "".join(_arrow(at) for at in range(len(block.boxes) - 1))
        figures = [
            piece.source
            for _title, lines in block.boxes
            for line in lines
            for piece in pieces(line)
            if isinstance(piece, Figure)
        ]
        marks = "".join(self._mark(one) for one in dict.fromkeys(figures))
        label = markupsafe.escape(block.caption)
        return (
            '<figure class="flow"><div class="scroll" tabindex="0">'
            f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
            f"{arrows}{drawn}</svg></div>"
            f"<figcaption>{label} {marks}</figcaption></figure>"
        )

    def _box(self, at: int, title: str, lines: Sequence[str]) -> str:
        x, y = _corner(at)
        texts = [f'<text class="title" x="{x + 12}" y="{y + 24}">{markupsafe.escape(title)}</text>']
        for row, line in enumerate(list(lines)[:MOST_LINES]):
            place = f'x="{x + 12}" y="{y + 46 + row * LINE}"'
            texts.append(f"<text {place}>{self._fitted(line)}</text>")
        return (
            f'<g><rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="8"/>{"".join(texts)}</g>'
        )

    def _fitted(self, line: str) -> str:
        """The pieces of a line as far as the box has room."""
        room, listed = WIDE - 24.0, []
        for piece in pieces(line):
            text = fitted(piece, room)
            room -= width_of(text)
            safe = str(markupsafe.escape(text))
            if isinstance(piece, Figure):
                source = markupsafe.escape(piece.source)
                safe = f'<tspan class="figure"><title>{source}</title>{safe}</tspan>'
            listed.append(safe)
        return "".join(listed)


def parts_of(latex: str) -> list[str]:
    """A formula in the parts that stand on lines of their own.

    >>> parts_of(r"a=b,\\quad c=d")
    ['a=b', 'c=d']
    """
    return [part.strip() for part in latex.split(SPLIT)]


@cache
def mathml(latex: str) -> str:
    """A formula as MathML, by latex2mathml."""
    from latex2mathml.converter import convert

    return str(convert(latex, display="block"))


def width_of(text: str) -> float:
    """The width of a text in the picture, about."""
    return sum(FULL if one > "\u2e7f" else HALF for one in text)


def fitted(text: str, room: float) -> str:
    """A text cut to the room it has.

    >>> fitted("abcdef", 100.0), fitted("abcdef", 30.0)
    ('abcdef', 'abc…')
    """
    if width_of(text) <= room:
        return text
    while text and width_of(text) + HALF > room:
        text = text[:-1]
    return text + "…"


def _corner(at: int) -> tuple[int, int]:
    """Boxes go to and fro, so that each arrow is short."""
    row, column = divmod(at, COLUMNS)
    if row % 2:
        column = COLUMNS - 1 - column
    return column * (WIDE + GAP), row * (HIGH + GAP)


def _arrow(at: int) -> str:
    (x, y), (to_x, to_y) = _corner(at), _corner(at + 1)
    middle = y + HIGH // 2
    if to_y != y:
        centre = x + WIDE // 2
        return _line(centre, y + HIGH, centre, to_y)
    if to_x > x:
        return _line(x + WIDE, middle, to_x, middle)
    return _line(x, middle, to_x + WIDE, middle)


def _line(x: int, y: int, to_x: int, to_y: int) -> str:
    """A line with a head."""
    across = (to_x > x) - (to_x < x)
    down = (to_y > y) - (to_y < y)
    tip = f"{to_x},{to_y}"
    back_x, back_y = to_x - 8 * across, to_y - 8 * down
    left = f"{back_x - 5 * down},{back_y - 5 * across}"
    right = f"{back_x + 5 * down},{back_y + 5 * across}"
    return (
        f'<path class="arrow" d="M{x},{y} L{back_x},{back_y}"/>'
        f'<path class="tip" d="M{tip} L{left} L{right} Z"/>'
    )
