"""Other names, places and numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from weitiao.evaluation.checks.base import Check

# Names of one kind may stand for each other; which one it is should change no answer.
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
        def other_name(found: re.Match[str]) -> str:
            return rng.choice([name for name in _KIND_OF[found[0]] if name != found[0]])

        def other_number(found: re.Match[str]) -> str:
            low = 10 ** (len(found[0]) - 1)
            number = rng.randrange(low, 10 * low)
            return str(number if number != int(found[0]) else low + (number + 1) % low)

        other = _NUMBER.sub(other_number, _NAME.sub(other_name, text))
        return other if other != text else None
