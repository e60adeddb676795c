"""Long texts in pieces that fit: cut at the ends of sentences, else at blanks, else anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from weitiao.core.script import UNSEPARATED

QUOTED = "[\"'”’」』）》)\\]]*"  # what closes a quotation belongs to the sentence that it ends
SENTENCE_END = re.compile(rf"(?<=[.!?;]){QUOTED}\s+|(?<=[。！？；]){QUOTED}|\n+")
BLANK = re.compile(r"\s+|(?<=[，、,:：])")
CLOSE = re.compile(f"[{UNSEPARATED}。！？；，、：”’）》]$")


def pieces(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Pieces of a text that each fit, in order, cut as near to the middle as sentences allow.

    >>> pieces("One. Two. Three.", lambda text: len(text) <= 10)
    ['One. Two. ', 'Three.']
    """
    if len(text) < 2 or fits(text):
        return [text]
    middle = len(text) / 2
    at = len(text) // 2
    for pattern in (SENTENCE_END, BLANK):
        places = [one.end() for one in pattern.finditer(text) if 0 < one.end() < len(text)]
        if places:
            at = min(places, key=lambda place: abs(place - middle))
            break
    return [*pieces(text[:at], fits), *pieces(text[at:], fits)]


def joined(texts: Sequence[str]) -> str:
    """Pieces that were written one by one, as one text; blanks between words, none in Chinese.

    >>> joined(["Guten Tag.", "Wie geht es?"]), joined(["你好。", "再见。"])
    ('Guten Tag. Wie geht es?', '你好。再见。')
    """
    whole = ""
    for text in (one.strip() for one in texts):
        apart = " " if whole and text and not CLOSE.search(whole) else ""
        whole += apart + text
    return whole
