"""Perturbations of the spelling: typos, case, full width, simplified and traditional script."""

from __future__ import annotations

import random
import re
from functools import cache
from importlib.util import find_spec
from typing import Any

from pydantic import Field

from weitiao.core.script import HAN, has_han, has_widths
from weitiao.evaluation.checks.base import Check
from weitiao.i18n.messages import _

_WORD = re.compile(r"[A-Za-z]{4,}")
_HAN_RUN = re.compile(f"[{HAN}]{{2,}}")
# (Near-)homophones, which pinyin input methods confuse.
_SAME_SOUND = {
    "的": "得", "得": "的", "地": "的", "在": "再", "再": "在", "做": "作", "作": "做", "他": "她",
    "她": "他", "那": "哪", "哪": "那", "以": "已", "已": "以", "象": "像", "像": "象", "吗": "嘛",
    "是": "事", "事": "是", "很": "狠", "和": "合", "有": "又", "又": "有", "不": "布", "了": "啦",
    "房": "防", "店": "点", "点": "店", "好": "号", "里": "理", "新": "心", "心": "新", "长": "常",
    "时": "实", "实": "时", "因": "应", "应": "因", "历": "力", "力": "历", "期": "其", "其": "期",
}  # fmt: skip


class Typos(Check):
    """A letter lost, doubled or swapped in some words; in Chinese a character of the same sound.

    When to use: people type what the model reads.
    """

    share: float = Field(0.1, gt=0, le=1, description="of the words (Chinese: characters)")

    def changed(self, text: str, rng: random.Random) -> str | None:
        words = [match.span() for match in _WORD.finditer(text)]
        if words:
            return self._letters(text, words, rng)
        known = [at for at, character in enumerate(text) if character in _SAME_SOUND]
        han_characters = sum(len(match[0]) for match in _HAN_RUN.finditer(text))
        if not known:
            return None
        count = min(len(known), max(1, round(self.share * han_characters)))
        written = list(text)
        for at in rng.sample(known, count):
            written[at] = _SAME_SOUND[written[at]]
        return "".join(written)

    def _letters(self, text: str, places: list[tuple[int, int]], rng: random.Random) -> str:
        count = max(1, round(self.share * len(places)))
        for start, end in sorted(rng.sample(places, count), reverse=True):
            at = rng.randrange(start + 1, end - 1)  # the first and the last letter stay
            kind = rng.choice(("lost", "doubled", "swapped"))
            if kind == "swapped" and text[at] == text[at + 1]:
                kind = "lost"  # "oo" swapped is "oo"
            if kind == "lost":
                text = text[:at] + text[at + 1 :]
            elif kind == "doubled":
                text = text[:at] + text[at] + text[at:]
            else:
                text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return text


class Case(Check):
    """ALL CAPITALS, or all small letters where the text has many capitals already.

    When to use: always, for scripts with two cases; an answer that hangs on them is fragile.
    """

    def changed(self, text: str, rng: random.Random) -> str | None:
        letters = [character for character in text if character.lower() != character.upper()]
        upper = sum(character.isupper() for character in letters)
        other = text.lower() if 2 * upper > len(letters) else text.upper()
        return other if other != text else None


# Unicode halfwidth and fullwidth forms: ASCII 0x21-0x7E is mirrored at this offset; the ideographic
# space U+3000 is an exception.
_WIDTH_OFFSET = 0xFEE0
_WIDE = {chr(code): chr(code + _WIDTH_OFFSET) for code in range(0x21, 0x7F)} | {" ": "\u3000"}
_NARROW = {wide: narrow for narrow, wide in _WIDE.items()}


class Width(Check):
    """ＦＵＬＬ　ＷＩＤＴＨ for letters and digits, or half width where the text has full ones.

    When to use: Chinese and Japanese input methods write both, and people hardly see a difference.
    Texts in other scripts are left as they are.
    """

    def changed(self, text: str, rng: random.Random) -> str | None:
        if not has_widths(text):
            return None
        table = _NARROW if any(character in _NARROW for character in text) else _WIDE
        other = "".join(table.get(character, character) for character in text)
        return other if other != text else None


class Script(Check):
    """Simplified Chinese as traditional, traditional as simplified (by OpenCC).

    When to use: Chinese from more than one place. Needs the package opencc: weitiao[chinese].
    """

    def changed(self, text: str, rng: random.Random) -> str | None:
        if not has_han(text):
            return None
        for direction in ("s2t", "t2s"):
            other: str = _converter(direction).convert(text)
            if other != text:
                return other
        return None

    def missing(self) -> str:
        if find_spec("opencc") is None:
            return _("needs a package more: pip install 'weitiao[chinese]'")
        return ""


@cache
def _converter(direction: str) -> Any:
    import opencc

    return opencc.OpenCC(direction)
