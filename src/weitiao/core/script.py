"""Scripts: which characters are Chinese (Han)."""

from __future__ import annotations

import re

# Ranges for character classes of regular expressions. The Basic Multilingual Plane holds all
# characters in everyday use; the supplementary planes (Extension B and later) rare names.
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
HAN_RARE = "\U00020000-\U0003ffff"
# Scripts whose words are not separated by blanks at all: Han with its marks of repetition and
# compatibility forms, Hiragana, Katakana. Each character counts as a word of its own.
UNSEPARATED = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff" + HAN_RARE
# A letter or digit of all other writing. "2023年USB接口" is a number, a word and three characters.
LETTER = rf"(?:(?![{UNSEPARATED}])[^\W_])"
# What the official script of CMRC 2018 takes for Chinese: its figures must stay comparable.
HAN_OF_CMRC = "\u4e00-\u9fa5"

# Scripts whose input methods also write Latin letters and digits in full width; and these.
_EAST_ASIAN = re.compile(f"[{UNSEPARATED}\uac00-\ud7a3\uff01-\uffee]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(f"[{HAN}{HAN_RARE}]")


def has_han(text: str) -> bool:
    """Whether any character of a text is Chinese."""
    return _HAN.search(text) is not None


def has_kana(text: str) -> bool:
    """Whether any character of a text is kana, which tells Japanese from Chinese."""
    return _KANA.search(text) is not None


def has_widths(text: str) -> bool:
    """Whether a text is in a script that knows full and half width."""
    return _EAST_ASIAN.search(text) is not None


def han_count(text: str) -> int:
    """How many characters of a text are Chinese."""
    return len(_HAN.findall(text))
