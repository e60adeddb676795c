"""Slips of the hand: neighbouring keys of a keyboard, Chinese characters that sound alike."""

from __future__ import annotations

import random
from functools import cache
from importlib.util import find_spec

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_FIRST_COMMON, _LAST_COMMON = 0xB0, 0xD7  # rows of GB 2312 with its 3,755 common characters


@cache
def neighbours() -> dict[str, str]:
    """Letter -> letters on the keys around it (QWERTY)."""
    places = {key: (row, at) for row, keys in enumerate(_KEYS) for at, key in enumerate(keys)}
    return {
        key: "".join(
            other
            for other, (r, a) in places.items()
            if other != key and abs(r - row) <= 1 and -1 <= a - at + (r - row) <= 1
        )
        for key, (row, at) in places.items()
    }


def misspelt(word: str, rng: random.Random) -> str:
    """A word with one slip: a neighbouring key, two letters exchanged, one left out or doubled; the
    first letter stays, as in most slips. Not all words give another one."""
    at = rng.randrange(1, len(word))
    letter = word[at]
    kind = rng.choice(("near", "exchange", "drop", "double"))
    if kind == "near":
        near = neighbours().get(letter.lower(), letter)
        new = rng.choice(near)
        letter = new.upper() if letter.isupper() else new
        return word[:at] + letter + word[at + 1 :]
    if kind == "exchange" and at + 1 < len(word):
        return word[:at] + word[at + 1] + letter + word[at + 2 :]
    return word[:at] + word[at + 1 :] if kind == "drop" else word[:at] + letter + word[at:]


def has_sounds() -> bool:
    """Whether pypinyin is installed."""
    return find_spec("pypinyin") is not None


@cache
def same_sound() -> dict[str, str]:
    """Common character -> the other common ones that sound like it, with its tone (pypinyin's first
    reading). Needs pypinyin."""
    from pypinyin import Style, pinyin

    groups: dict[str, list[str]] = {}
    for character in _common():
        sound = pinyin(character, style=Style.TONE3)[0][0]
        groups.setdefault(sound, []).append(character)
    return {
        one: "".join(other for other in group if other != one)
        for group in groups.values()
        if len(group) > 1
        for one in group
    }


def _common() -> str:
    """The common characters of simplified Chinese: level 1 of GB 2312."""
    cells = (
        bytes((row, column))
        for row in range(_FIRST_COMMON, _LAST_COMMON + 1)
        for column in range(0xA1, 0xFF)
    )
    return "".join(cell.decode("gb2312", "ignore") for cell in cells)
