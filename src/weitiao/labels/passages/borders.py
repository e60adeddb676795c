"""Where words end: an answer that begins or ends inside one is none."""

from __future__ import annotations

import re
import unicodedata

# Scripts that write words without blanks between them, and Korean, whose particles stand at the
# word: an answer may end anywhere there.
_FREE = re.compile(
    "[\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u1aaf\u2e80-\u9fff\ua960-\ua97f\ua9e0-\ua9ff"
    "\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff]"
)


def whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A passage with all of the words it begins and ends in: runs of letters and digits.

    >>> text = "enjoying the match of 1.5 hours"
    >>> start, end = whole_words(text, 5, 16)
    >>> text[start:end]
    'enjoying the match'
    """
    while _inside(text, start):
        start -= 1
    while _inside(text, end):
        end += 1
    return start, end


def _inside(text: str, place: int) -> bool:
    """Whether a word would be cut here."""
    return 0 < place < len(text) and _of_word(text[place - 1]) and _of_word(text[place])


def _of_word(character: str) -> bool:
    letter = character.isalnum() or unicodedata.category(character).startswith("M")
    return letter and not _FREE.match(character)
