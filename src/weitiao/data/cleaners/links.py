"""Cleaner of web addresses, mentions of users and e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from weitiao.core.alignment import Edit
from weitiao.core.redact import EMAIL
from weitiao.core.script import HAN, HAN_RARE
from weitiao.data.cleaners.base import Cleaner

# Chinese stands right behind an address, without a blank; no address holds it as it is.
_IN_URL = rf"[^\s<>\"'`|\\^{{}}{HAN}{HAN_RARE}\u2018-\u201f\u3000-\u30ff\uff00-\uffef]"
_URL = re.compile(
    rf"(?:https?|ftp)://{_IN_URL}+"
    rf"|(?<![A-Za-z0-9@./-])www\.[A-Za-z0-9-]{{1,63}}\.{_IN_URL}+"
    r"|(?<![A-Za-z0-9@./-])[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,3}"
    rf"\.(?:com|cn|org|net|io|co|ly|me|gl|cc|tv|edu|gov|uk|de|jp|hk|tw|info|xyz|top)/{_IN_URL}*",
    re.IGNORECASE,
)
_PUNCTUATION = ".,;:!?*_~"  # at the end of an address it belongs to the sentence
# Weibo ends a name at a blank or a colon; without one, only its Latin letters are surely a name.
_MENTION = re.compile(
    rf"(?<![A-Za-z0-9_.@/＠])[@＠](?:[A-Za-z0-9_{HAN}-]{{1,30}}(?=[\s:：,，。)）@＠]|$)"
    r"|[A-Za-z0-9_][A-Za-z0-9_-]{0,29})"
)


class Links(Cleaner):
    """Replaces web addresses, mentions of users (@name) and e-mail addresses by a token each, or
    removes them.

    When to use it: posts and comments, where addresses tell nothing that is learned. For spam,
    leave a token: that there is an address tells much.
    """

    idempotent: ClassVar[bool] = False  # what is left around an address may look like one
    urls: str | None = Field(
        "[url]", description="in place of a web address; '': nothing; null: it stays"
    )
    mentions: str | None = Field("[user]", description="in place of a mention such as @name")
    emails: str | None = Field("[email]", description="in place of an e-mail address")

    def edits(self, text: str) -> Iterator[Edit]:
        spans = sorted(self._spans(text), key=lambda span: (span[0], -span[1]))
        done = 0
        for start, end, put in spans:
            if start >= done:
                yield Edit(start, end, put)
                done = end

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        if self.urls is not None and ("/" in text or "www." in text.lower()):
            for match in _URL.finditer(text):
                yield match.start(), match.start() + len(_trimmed(match[0])), self.urls
        if "@" in text or "＠" in text:
            if self.emails is not None:
                for match in EMAIL.finditer(text):
                    yield *match.span(), self.emails
            if self.mentions is not None:
                for match in _MENTION.finditer(text):
                    yield *match.span(), self.mentions


def _trimmed(url: str) -> str:
    """An address without the punctuation of the sentence: a bracket that it did not open, a dot."""
    unopened = url.count(")") - url.count("(")
    end = len(url)
    while end:
        last = url[end - 1]
        if last == ")" and unopened > 0:
            unopened -= 1
        elif last not in _PUNCTUATION:
            break
        end -= 1
    return url[:end]
