"""Perturbations of the meaning: negation, named entities."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from weitiao.core.script import HAN
from weitiao.evaluation.checks.base import Check

_NOT = re.compile(r"(?i)\b(?:not|never)\s+|n['’]t\b")
_VERB = re.compile(
    r"(?i)\b(?:is|are|was|were|am|be|can|could|will|would|should|do|does|did|has|have|had|may)\b"
)
_NO = re.compile(f"(?:不是|没有|不太|不|没|未)(?=[{HAN}])")
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
        for negation, negate in ((_NOT, self._english), (_NO, self._chinese)):
            protected = _protected(text)
            matches = [one for one in negation.finditer(text) if one.start() not in protected]
            if matches:
                match = rng.choice(matches)
                return text[: match.start()] + text[match.end() :]
            negated = negate(text, rng)
            if negated is not None:
                return negated
        return None

    def _english(self, text: str, rng: random.Random) -> str | None:
        matches = list(_VERB.finditer(text))
        if not matches:
            return None
        end = rng.choice(matches).end()
        return f"{text[:end]} not{text[end:]}"

    def _chinese(self, text: str, rng: random.Random) -> str | None:
        protected = _protected(text)
        starts = [one.start() for one in _YES.finditer(text) if one.start() not in protected]
        if not starts:
            return None
        at = rng.choice(starts)
        return f"{text[:at]}不{text[at:]}"


def _protected(text: str) -> set[int]:
    """Positions inside words that contain 不 or 没 without being negated (不错, 没关系)."""
    return {place for match in _NO_INSIDE.finditer(text) for place in range(*match.span())}


# Names of the same kind, exchangeable: which one a text has should change no prediction.
_KINDS: Sequence[Sequence[str]] = (
    ("James", "Mary", "John", "Linda", "Robert", "Susan", "Michael", "Sarah", "David", "Karen",
     "Paul", "Emma", "Peter", "Anna", "George", "Laura", "Tom", "Kate", "Bill", "Julia"),
    ("London", "Paris", "Berlin", "Rome", "Madrid", "Vienna", "Tokyo", "Chicago", "Boston",
     "Sydney", "Toronto", "Dublin", "Amsterdam", "Moscow", "Delhi"),
    ("France", "Germany", "Italy", "Spain", "Japan", "Canada", "Brazil", "India", "Australia",
     "Sweden", "Poland", "Mexico", "Egypt", "Kenya"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ("北京", "上海", "广州", "深圳", "杭州", "南京", "成都", "武汉", "西安", "重庆", "天津", "苏州",
     "青岛", "大连", "厦门", "长沙", "昆明", "三亚", "桂林", "丽江"),
    ("中国", "美国", "日本", "英国", "法国", "德国", "韩国", "俄罗斯", "印度", "巴西", "加拿大"),
    ("张先生", "李先生", "王先生", "刘先生", "陈先生", "张女士", "李女士", "王女士", "刘女士"),
    ("小张", "小李", "小王", "小刘", "小陈", "小赵", "小孙"),
)  # fmt: skip
_KIND_OF = {name: kind for kind in _KINDS for name in kind}
_NAME = re.compile(
    "|".join(rf"\b{n}\b" if n.isascii() else n for n in sorted(_KIND_OF, key=len, reverse=True))
)
_NUMBER = re.compile(r"(?<![\w.,])[1-9]\d{1,3}(?![\w.,]\d|\w)")


class Entities(Check):
    """Common names, places and weekdays for others of their kind, numbers for others as long.

    When to use: the answer should hang on what is said, not on who and where.
    """

    def changed(self, text: str, rng: random.Random) -> str | None:
        def other_name(match: re.Match[str]) -> str:
            return rng.choice([name for name in _KIND_OF[match[0]] if name != match[0]])

        def other_number(match: re.Match[str]) -> str:
            low = 10 ** (len(match[0]) - 1)
            number = rng.randrange(low, 10 * low)
            return str(number if number != int(match[0]) else low + (number + 1) % low)

        other = _NUMBER.sub(other_number, _NAME.sub(other_name, text))
        return other if other != text else None
