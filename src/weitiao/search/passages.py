"""Passages: a document cut at its paragraphs and sentences into pieces of like size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from weitiao.core.script import LETTER, UNSEPARATED
from weitiao.labels.texts.pieces import SENTENCE_END

UNITS = 120  # of a passage: words, and characters of writing without blanks
MOST_CHARACTERS = 6_000  # of a passage
LONGEST_SENTENCE = 2 * UNITS
# Very long words, and rows of signs, count as several: no passage has no end.
_UNIT = re.compile(rf"[{UNSEPARATED}]|{LETTER}{{1,30}}|[\W_]{{30}}")
_HEADING = re.compile(r"^[ \t]*(#{1,6})[ \t]+(\S.{0,199})$", re.MULTILINE)
BETWEEN_HEADINGS = " › "


@dataclass(frozen=True)
class Passage:
    """Characters start to end of a document. title: the headings it stands under."""

    start: int
    end: int
    text: str
    title: str = ""


def size_of(text: str) -> int:
    """Words of a text, and characters of writing without blanks.

    >>> size_of("two words"), size_of("三个字"), size_of("2023年USB接口")
    (2, 3, 5)
    """
    return len(_UNIT.findall(text))


def passages_of(text: str, units: int = UNITS) -> Iterator[Passage]:
    """The passages of a text, in order; they do not overlap, and none crosses a heading.

    Headings are titles of what follows; one that nothing follows is a passage of its own.
    """
    headings: list[tuple[int, str]] = []  # (level, text), the highest first
    lone: tuple[int, int] | None = None  # a heading that no text followed yet
    start, end, size = -1, -1, 0

    def title() -> str:
        return BETWEEN_HEADINGS.join(name for _level, name in headings)

    for begin, stop, heading in _pieces(text):
        own = size_of(text[begin:stop])
        full = (size and size + own > units) or stop - start > MOST_CHARACTERS
        if start >= 0 and (heading or full):
            yield Passage(start, end, text[start:end], title())
            start, size = -1, 0
        if heading:
            level = len(heading[1])
            if lone and level <= headings[-1][0]:
                yield _alone(text, *lone, headings)
            headings = [one for one in headings if one[0] < level] + [(level, heading[2].strip())]
            lone = begin, stop
            continue
        lone = None
        start, end, size = begin if start < 0 else start, stop, size + own
    if start >= 0:
        yield Passage(start, end, text[start:end], title())
    if lone:
        yield _alone(text, *lone, headings)


def _alone(text: str, start: int, end: int, headings: list[tuple[int, str]]) -> Passage:
    above = BETWEEN_HEADINGS.join(name for _level, name in headings[:-1])
    return Passage(start, end, text[start:end], above)


def _pieces(text: str) -> Iterator[tuple[int, int, re.Match[str] | None]]:
    """Character offsets of headings, which are whole lines, and of the sentences between them."""
    done = 0
    for heading in [*_HEADING.finditer(text), None]:
        start, end = heading.span() if heading else (len(text), len(text))
        for begin, stop in _sentences(text, done, start):
            yield begin, stop, None
        if heading:
            yield heading.start(1), end - len(heading[2]) + len(heading[2].rstrip()), heading
        done = end


def _sentences(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Character offsets of the sentences, without blanks around them; far too long ones are cut."""
    ends = (start + match.end() for match in SENTENCE_END.finditer(text[start:stop]))
    for end in [*ends, stop]:
        yield from _cut(text, start, end)
        start = end


def _cut(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """A sentence in pieces of at most LONGEST_SENTENCE units, without blanks around them."""
    begins = [match.start() for match in _UNIT.finditer(text, start, stop)]
    cuts = [start, *begins[LONGEST_SENTENCE::LONGEST_SENTENCE], stop]
    # Marks are no units, and a word may have any length: characters are limited, too.
    pairs = [
        (at, min(at + MOST_CHARACTERS, end))
        for begin, end in pairwise(cuts)
        for at in range(begin, end, MOST_CHARACTERS)
    ]
    for begin, end in pairs:
        piece = text[begin:end]
        own = piece.strip()
        if own:
            first = begin + len(piece) - len(piece.lstrip())
            yield first, first + len(own)
