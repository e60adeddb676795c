"""Full and half width."""

from __future__ import annotations

import random

from weitiao.evaluation.checks.base import Check

# Letters, digits and signs have a wide twin this far away; the blank has its own.
_APART = 0xFEE0
_WIDE = {chr(code): chr(code + _APART) for code in range(0x21, 0x7F)} | {" ": "\u3000"}
_NARROW = {wide: narrow for narrow, wide in _WIDE.items()}


class Width(Check):
    """ＦＵＬＬ　ＷＩＤＴＨ for letters and digits, or half width where the text has full ones.

    When to use: Chinese and Japanese input methods write both, and people hardly see a difference.
    """

    def changed(self, text: str, rng: random.Random) -> str | None:
        table = _NARROW if any(character in _NARROW for character in text) else _WIDE
        other = "".join(table.get(character, character) for character in text)
        return other if other != text else None
