"""Blocks of the design document: texts whose every figure names the file and key that it is from.

A text is a message of ours with values in it. A value that is a number is a `Figure`, which knows
its source; a name or a text of the user's is a `Quote`; a place to be filled in by hand a `Blank`.
What is left of a text is words alone, so that a figure without a source is found by its digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from weitiao.core.sanitize import visible
from weitiao.i18n.messages import JOINED, Message, fragments

# What no XML may hold, beside the controls and halves of pairs that `visible` replaces.
NO_XML = {code: f"⟨U+{code:04X}⟩" for code in (0xFFFE, 0xFFFF)}


def shown(text: object) -> str:
    """A text of the user's as both files can hold it.

    >>> shown("a" + chr(0xFFFF))
    'a⟨U+FFFF⟩'
    """
    return visible(str(text)).translate(NO_XML)


class Figure(str):
    """A figure, or a text with figures, as it is shown. source: "plan.yaml: train.epochs"."""

    __slots__ = ("source",)
    source: str

    def __new__(cls, text: object, source: str) -> Figure:
        figure = super().__new__(cls, shown(text))
        figure.source = shown(source)
        return figure


class Quote(str):
    """A name or a text that is somebody's: a column, a label, a path. code: set as code."""

    __slots__ = ("code",)
    code: bool

    def __new__(cls, text: object, code: bool = False) -> Quote:
        quote = super().__new__(cls, shown(text))
        quote.code = code
        return quote


class Blank(str):
    """A place to fill in by hand; the text says with what."""

    __slots__ = ()


@dataclass(frozen=True)
class Prose:
    """A paragraph. kind: "plain", "note" or "warning"."""

    text: str
    kind: str = "plain"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Grid:
    """A table. numeric: columns that are aligned to the right. marked: each figure has its mark;
    else `caption` says where they are from, and the first cell of a row is the key."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[int] = ()
    marked: bool = True


@dataclass(frozen=True)
class Formula:
    """A formula in LaTeX, its numbers put in. sources: of these numbers; none: the general one."""

    latex: str
    sources: Sequence[str] = ()


@dataclass(frozen=True)
class Flow:
    """The picture of a pipeline: boxes from first to last, each a title and lines."""

    caption: str
    boxes: Sequence[tuple[str, Sequence[str]]]


Block = Prose | Points | Grid | Formula | Flow


@dataclass(frozen=True)
class Chapter:
    """A heading with its blocks. name: its id."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """The whole document. facts: the line under the title; files: (name, what it is)."""

    title: str
    facts: Sequence[str]
    chapters: Sequence[Chapter]

    @property
    def sources(self) -> list[str]:
        """Every source of a marked figure, in the order of their marks."""
        listed = (source for one in self.chapters for b in one.blocks for source in _marked(b))
        return list(dict.fromkeys(listed))


def pieces(text: str) -> Iterator[str]:
    """A text as its pieces: plain strings, and the figures, quotes and blanks in it."""
    if isinstance(text, (Figure, Quote, Blank)):
        yield text
    elif isinstance(text, Message) and text.values:
        if text.template == JOINED:
            for at, item in enumerate(text.values["items"]):
                if at:
                    yield str(text.values["separator"])
                yield from pieces(item)
            return
        for part in fragments(text):
            yield from pieces(part)
    else:
        yield str(text)


def texts_of(block: Block) -> Iterator[str]:
    """Every text of a block."""
    if isinstance(block, Prose):
        yield block.text
    elif isinstance(block, Points):
        yield from block.items
    elif isinstance(block, Grid):
        yield from (block.caption, *block.head)
        for row in block.rows:
            yield from row
    elif isinstance(block, Flow):
        yield block.caption
        for title, lines in block.boxes:
            yield from (title, *lines)


def _marked(block: Block) -> Iterable[str]:
    if isinstance(block, Formula):
        return block.sources
    if isinstance(block, Grid) and not block.marked:
        return [one.source for one in pieces(block.caption) if isinstance(one, Figure)]
    listed = (piece for text in texts_of(block) for piece in pieces(text))
    return [piece.source for piece in listed if isinstance(piece, Figure)]
