"""Cleaner of the Chinese script: traditional to simplified, or the other way, by OpenCC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from pydantic import Field

from weitiao.core.alignment import Alignment, Edit, edited
from weitiao.core.script import has_han
from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import PlanError
from weitiao.i18n.messages import _

# Words are converted one clause at a time: none of OpenCC's runs across a mark or a blank.
_CLAUSE = re.compile(r"\w{1,400}")


class ChineseScript(Cleaner):
    """Traditional Chinese becomes simplified (or simplified traditional), by OpenCC.

    When to use it: rows from more than one place, and labels that do not depend on it. Needs the
    package opencc: weitiao[chinese].
    """

    idempotent: ClassVar[bool] = False  # 乾 is read anew in a second pass
    conversion: Literal["t2s", "tw2s", "tw2sp", "hk2s", "s2t", "s2tw", "s2twp", "s2hk"] = Field(
        "t2s", description="OpenCC's name: t2s to simplified, s2t to traditional, s2twp of Taiwan"
    )

    def clean(self, text: str) -> tuple[str, Alignment]:
        if not has_han(text):
            return text, Alignment.identity(len(text))
        return edited(text, self.edits(text))

    def edits(self, text: str) -> Iterator[Edit]:
        convert = converter(self.conversion).convert
        for clause in _CLAUSE.finditer(text):
            before = clause[0]
            after: str = convert(before)
            if len(after) == len(before):
                yield from _replaced(clause.start(), before, after)
            elif after != before:
                yield _trimmed(clause.start(), before, after)

    def missing(self) -> str:
        if not is_installed():
            return _("needs a package more: pip install 'weitiao[chinese]'")
        return ""


def _replaced(start: int, before: str, after: str) -> Iterator[Edit]:
    for at, (old, new) in enumerate(zip(before, after, strict=True), start):
        if old != new:
            yield Edit(at, at + 1, new)


def _trimmed(start: int, before: str, after: str) -> Edit:
    """One edit, without what both have in common at their ends (软件 and 軟體, U盘 and 隨身碟)."""
    head, most = 0, min(len(before), len(after))
    while head < most and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < most - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    put = after[head : len(after) - tail]
    return Edit(start + head, start + len(before) - tail, put)


def is_installed() -> bool:
    """Whether the package opencc is there."""
    return find_spec("opencc") is not None


@cache
def converter(conversion: str) -> Any:
    """OpenCC's converter by its name, e.g. "t2s". Raises PlanError without the package."""
    try:
        import opencc
    except ImportError:
        message = _(
            "data.cleaners: chinese_script needs a package more: pip install 'weitiao[chinese]'"
        )
        raise PlanError([message]) from None
    return opencc.OpenCC(conversion)
