"""Capital letters."""

from __future__ import annotations

import random

from weitiao.evaluation.checks.base import Check


class Case(Check):
    """ALL CAPITALS, or all small letters where the text has many capitals already.

    When to use: always, for scripts with two cases; an answer that hangs on them is fragile.
    """

    def changed(self, text: str, rng: random.Random) -> str | None:
        letters = [character for character in text if character.lower() != character.upper()]
        upper = sum(character.isupper() for character in letters)
        other = text.lower() if 2 * upper > len(letters) else text.upper()
        return other if other != text else None
