"""Passages: a document cut at its paragraphs and sentences into pieces of like size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from weitiao.core.script import UNSEPARATED
from weitiao.labels.texts.pieces import SENTENCE_END

UNITS = 120  # of a passage: words, and characters of writing without blanks
LONGEST_SENTENCE = 2 * UNITS
_UNIT = re.compile(rf"[{UNSEPARATED}]|[^\W_]+")
_HEADING = re.compile(r"^#{1,6} +(.+)$")


@dataclass(frozen=True)
class Passage:
    """Characters start to end of a document, under a heading where there is one."""

    start: int
    end: int
    text: str
    title: str = ""


def size_of(text: str) -> int:
    """Words of a text, and characters of writing without blanks.

    >>> size_of("two words"), size_of("三个字")
    (2, 3)
    """
    return len(_UNIT.findall(text))


def passages_of(text: str, units: int = UNITS) -> Iterator[Passage]:
    """The passages of a text, in order; they do not overlap, and none crosses a heading."""
    title, start, end, size = "", -1, -1, 0
    for begin, stop in _sentences(text):
        sentence = text[begin:stop]
        heading = _HEADING.match(sentence.strip())
        own = size_of(sentence)
        if start >= 0 and (heading or size + own > units):
            yield Passage(start, end, text[start:end], title)
            start, size = -1, 0
        if heading:
            title = heading[1].strip()
            continue
        if not own:
            continue
        start, end, size = begin if start < 0 else start, stop, size + own
    if start >= 0:
        yield Passage(start, end, text[start:end], title)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Character offsets of the sentences, without blanks around them; far too long ones are cut."""
    begin = 0
    for end in [*(match.end() for match in SENTENCE_END.finditer(text)), len(text)]:
        piece = text[begin:end]
        start = begin + len(piece) - len(piece.lstrip())
        stop = begin + len(piece.rstrip())
        begin = end
        if stop > start:
            yield from _cut(text, start, stop)


def _cut(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    units = list(_UNIT.finditer(text, start, stop))
    if len(units) <= LONGEST_SENTENCE:
        yield start, stop
        return
    for first in range(0, len(units), LONGEST_SENTENCE):
        last = min(first + LONGEST_SENTENCE, len(units)) - 1
        yield units[first].start(), stop if last == len(units) - 1 else units[last].end()
