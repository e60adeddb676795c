"""Negation put in or taken out."""

from __future__ import annotations

import random
import re
from typing import ClassVar, Literal

from weitiao.evaluation.checks.base import Check

_NOT = re.compile(r"(?i)\b(?:not|never)\s+|n['’]t\b")
_VERB = re.compile(
    r"(?i)\b(?:is|are|was|were|am|be|can|could|will|would|should|do|does|did|has|have|had|may)\b"
)
_NO = re.compile("(?:不是|没有|不太|不|没|未)(?=[\u4e00-\u9fff])")
_NO_INSIDE = re.compile("不过|不错|不同|不但|不仅|不得不|没关系|不好意思|对不起|差不多|了不起")
_YES = re.compile(
    "(?=(?:是|能|会|要|想|喜欢|推荐|值得|满意|可以|应该|太|很|好|方便|干净)[^\u4e0d])"
)


class Negation(Check):
    """A "not" put in where there is none, or taken out: is it read at all?

    When to use: where a "not" turns the answer (opinions, inference) many answers should flip;
    where it does not (topics, spam) few should. Which of the two holds here is yours to know.
    """

    expected: ClassVar[Literal["same", "open"]] = "open"

    def changed(self, text: str, rng: random.Random) -> str | None:
        for no, put in ((_NOT, self._english), (_NO, self._chinese)):
            kept = {place for found in _NO_INSIDE.finditer(text) for place in range(*found.span())}
            found = [one for one in no.finditer(text) if one.start() not in kept]
            if found:
                one = rng.choice(found)
                return text[: one.start()] + text[one.end() :]
            other = put(text, rng)
            if other is not None:
                return other
        return None

    def _english(self, text: str, rng: random.Random) -> str | None:
        found = list(_VERB.finditer(text))
        if not found:
            return None
        one = rng.choice(found)
        return f"{text[: one.end()]} not{text[one.end() :]}"

    def _chinese(self, text: str, rng: random.Random) -> str | None:
        kept = {place for found in _NO_INSIDE.finditer(text) for place in range(*found.span())}
        found = [one.start() for one in _YES.finditer(text) if one.start() not in kept]
        if not found:
            return None
        at = rng.choice(found)
        return f"{text[:at]}不{text[at:]}"
