"""Cleaner of emoji: their names, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from pydantic import Field

from weitiao.core.alignment import Alignment, Edit, edited
from weitiao.core.script import has_han
from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import PlanError
from weitiao.i18n.messages import _

MOST_PASSES = 4
LETTERLIKE = 0x2300  # below stand ©, ™, ‼ and arrows, which are signs of texts
_PICTURES = re.compile("[\u2300-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\u20e3\ufe0f]")


class Emoji(Cleaner):
    """Replaces emoji by their names, such as [face with tears of joy], or removes them.

    When to use it: names, for a checkpoint whose tokenizer knows few emoji (it reads each as
    unknown). Needs the package emoji: weitiao[cleaning].
    """

    idempotent: ClassVar[bool] = True
    to: Literal["names", "nothing"] = Field("names", description="names in brackets, or nothing")
    language: Literal["auto", "en", "zh"] = Field(
        "auto", description="of the names; auto: Chinese in texts with Chinese characters"
    )

    def clean(self, text: str) -> tuple[str, Alignment]:
        alignment = Alignment.identity(len(text))
        for _pass in range(MOST_PASSES):  # what stood around an emoji may be one itself now
            changed, again = edited(text, self.edits(text))
            if changed == text:
                break
            text, alignment = changed, alignment.then(again)
        return text, alignment

    def edits(self, text: str) -> Iterator[Edit]:
        if not _PICTURES.search(text):
            return
        language = self.language
        if language == "auto":
            language = "zh" if has_han(text) else "en"
        for picture in _sequences().finditer(text):
            put = "" if self.to == "nothing" else _names(picture[0], language)
            yield Edit(picture.start(), picture.end(), put)

    def warning(self, task: str) -> str:
        if self.to == "names":
            return ""
        return _(
            "emoji: what is removed often says the mood. For sentiment, leave emoji in, or write "
            "their names (to: names)."
        )

    def missing(self) -> str:
        if find_spec("emoji") is None:
            return _("needs a package more: pip install 'weitiao[cleaning]'")
        return ""


@cache
def _sequences() -> re.Pattern[str]:
    """Sequences of emoji as in UTS #51: flags, keycaps, and pictures joined by \u200d."""
    # The package finds them too, but needs quadratic time for long chains of joiners.
    pictures = {key[0] for key in _package().EMOJI_DATA if ord(key[0]) >= LETTERLIKE}
    flag = "[\U0001f1e6-\U0001f1ff]"
    one = f"[{''.join(sorted(pictures))}](?:\ufe0f\u20e3?|[\U0001f3fb-\U0001f3ff]|{_TAGS})?"
    return re.compile(
        f"{flag}{flag}|[0-9#*]\ufe0f?\u20e3|{one}(?:\u200d{one}){{0,9}}[\ufe0f\u200d]?"
    )


_TAGS = "[\U000e0020-\U000e007e]{1,12}\U000e007f"  # of the flags of regions


@lru_cache(maxsize=4096)
def _names(picture: str, language: str) -> str:
    """The name of a sequence in brackets; of an unknown one those of its parts."""
    package = _package()
    package.config.load_language(language)
    known = package.EMOJI_DATA
    picture = picture.removesuffix("\u200d")
    pieces = [picture] if _known(picture, known) else picture.split("\u200d")
    names = []
    for piece in pieces:
        key = _known(piece, known) or _known(piece[:1], known)
        if key:
            names.append(known[key].get(language) or known[key]["en"])
    return "".join(f"[{name.strip(':').replace('_', ' ')}]" for name in names)


def _known(picture: str, known: Any) -> str:
    """The sequence as the package spells it, with or without \ufe0f; empty for an unknown one."""
    for one in (picture, picture.removesuffix("\ufe0f"), picture + "\ufe0f"):
        if one in known:
            return one
    return ""


@cache
def _package() -> Any:
    try:
        import emoji
    except ImportError:
        message = _("data.cleaners: emoji needs a package more: pip install 'weitiao[cleaning]'")
        raise PlanError([message]) from None
    return emoji
