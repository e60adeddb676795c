"""Sanitizing of untrusted text for display: invisible and bidirectional characters, long texts."""

from __future__ import annotations

import re
import unicodedata

# Controls, zero-width characters, fillers that look like blanks, marks of direction (which can make
# a text read as another one: "Trojan Source", Boucher and Anderson 2021), tags, lone surrogates.
_ODD = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINER = "\u200d"  # makes one picture of several; elsewhere it is a hiding place
_BLANK = re.compile(r"[ \t\r\n\f\v]+")
ISOLATE, END = "\u2068", "\u2069"


def visible(text: str) -> str:
    """Replace control, zero-width and bidirectional characters by visible symbols.

    >>> visible("a" + chr(0) + "b" + chr(0x202E) + "c")
    'a␀b⟨U+202E⟩c'
    """
    return _ODD.sub(_symbol, text)


def quoted(text: object) -> str:
    """Isolate the direction (bidi) of user text inside one of our sentences."""
    return f"{ISOLATE}{visible(str(text))}{END}"


def shortened(text: str, most: int = 320) -> str:
    """Truncate a text to one line of at most `most` characters, leaving out its middle.

    >>> shortened("one\\n two", 100), shortened("abcdefghij", 5)
    ('one two', 'abcd … j')
    """
    flat = _BLANK.sub(" ", text).strip()
    if len(flat) <= most:
        return flat
    tail = most // 5
    head, end = flat[: most - tail], flat[-tail:]
    head = head[: _blank_near(head, len(head))]
    end = end[tail - _blank_near(end[::-1], tail) :]
    return f"{head.rstrip()} … {end.lstrip()}"


def _blank_near(text: str, most: int) -> int:
    """Index of the last word boundary, at most 16 characters before `most`; else `most`."""
    # 16: Chinese has no blanks, and a longer word is cut rather than left out.
    at = text.rfind(" ", most - 16, most)
    return at if at > 0 else most


def _symbol(match: re.Match[str]) -> str:
    character = match[0]
    if character in "\t\n\r":
        return {"\t": "⇥", "\n": "↵", "\r": ""}[character]
    if character == _JOINER and _joins_pictures(match):
        return character
    if character < " ":
        return chr(0x2400 + ord(character))
    return "␡" if character == "\x7f" else f"⟨U+{ord(character):04X}⟩"


def _joins_pictures(match: re.Match[str]) -> bool:
    around = match.string[max(0, match.start() - 2) : match.start()].replace("\ufe0f", "")
    after = match.string[match.end() : match.end() + 1]
    return all(one and unicodedata.category(one) in ("So", "Sk") for one in (around[-1:], after))
