"""Traditional and simplified Chinese."""

from __future__ import annotations

import random
import re
from functools import cache
from importlib.util import find_spec
from typing import Any

from weitiao.evaluation.checks.base import Check
from weitiao.i18n.messages import _

_HAN = re.compile("[\u4e00-\u9fff]")


class Script(Check):
    """Simplified Chinese as traditional, traditional as simplified (by OpenCC).

    When to use: Chinese from more than one place. Needs the package opencc: weitiao[chinese].
    """

    def changed(self, text: str, rng: random.Random) -> str | None:
        if not _HAN.search(text):
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
