"""Cleaners of words: removal of stop words, segmentation of Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Literal, Self

from pydantic import Field

from weitiao.core.alignment import Edit
from weitiao.core.script import HAN, HAN_RARE, has_han
from weitiao.data.cleaners.base import Cleaner
from weitiao.data.files.word_lists import counted_words, listed_words
from weitiao.data.segmentation import chinese_tokens
from weitiao.data.stop_words import FUNCTION_WORDS, is_negation
from weitiao.data.targets import reader_of
from weitiao.errors import PlanError
from weitiao.i18n.messages import _

_LATIN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_HAN, _BLANK = re.compile(f"[{HAN}{HAN_RARE}]"), re.compile(r"\s")


class StopWords(Cleaner):
    """Removes stop words of English and Chinese (words by jieba); negations stay.

    Negations are not, never, n't and the like, 不, 没, 无, 别 and all words with them, also where
    a list of your own has them. When to use it: hardly ever for pre-trained networks, which read
    whole sentences; models that count words may gain. The list `iso` (stopwordsiso,
    weitiao[cleaning]) is long: it has good, great and 好.
    """

    words: Literal["function", "iso", "none"] = Field(
        "function", description="function: articles, pronouns, particles; iso: 2,000 words; none"
    )
    file: str | None = Field(None, description="more stop words: a file with one on each line")
    own: tuple[str, ...] = Field((), description="more stop words; those of the file are put here")

    def learn(self, texts: Iterable[str]) -> Self:
        if self.file is None:
            return self
        words = listed_words(self.file, "data.cleaners.stop_words.file")
        return self.model_copy(update={"file": None, "own": (*self.own, *words)})

    def edits(self, text: str) -> Iterator[Edit]:
        stops = _stops(self.words, self.own)
        done = 0
        for start, end in _words_of(text):
            word = text[start:end].lower().replace("’", "'")
            if word not in stops or is_negation(word):
                continue
            # With the blanks behind it; at the end of the text with those before it.
            while end < len(text) and text[end] == " ":
                end += 1
            if end == len(text):
                while start > done and text[start - 1] == " ":
                    start -= 1
            yield Edit(start, end, "")
            done = end

    def warning(self, task: str) -> str:
        if task and reader_of(task).head != "sequence":  # the answers are spans
            return _(
                "stop_words: words are removed inside of spans too, and a span without one of its "
                "words cannot be predicted whole. Leave it out."
            )
        return _(
            "stop_words: pre-trained networks read whole sentences, whose grammar is lost. Compare "
            "with a run without it."
        )

    def missing(self) -> str:
        if self.words == "iso" and find_spec("stopwordsiso") is None:
            return _("needs a package more: pip install 'weitiao[cleaning]'")
        return ""


class Segmentation(Cleaner):
    """Separates Chinese words by blanks (by jieba), with the words of your own dictionary.

    When to use it: for networks that were trained on separated words. The usual ones for Chinese
    read characters or pieces, and want none of it.
    """

    file: str | None = Field(
        None, description="jieba's user dictionary: on each line a word, perhaps its count"
    )
    own: tuple[tuple[str, int], ...] = Field(
        (), description="words and counts (0: chosen by jieba); those of the file are put here"
    )

    def learn(self, texts: Iterable[str]) -> Self:
        if self.file is None:
            return self
        words = counted_words(self.file, "data.cleaners.segmentation.file")
        return self.model_copy(update={"file": None, "own": (*self.own, *words)})

    def edits(self, text: str) -> Iterator[Edit]:
        if not has_han(text):
            return
        for _start, end in chinese_tokens(text, self.own):
            pair = text[end - 1 : end + 1]
            if len(pair) == 2 and _HAN.search(pair) and not _BLANK.search(pair):
                yield Edit(end, end, " ")

    def warning(self, task: str) -> str:
        return _(
            "segmentation: the usual checkpoints for Chinese read characters or pieces of their "
            "own; blanks between words are strange to them."
        )


def _words_of(text: str) -> Iterator[tuple[int, int]]:
    """Offsets of the words: runs of letters; jieba's within Chinese."""
    for run in _LATIN.finditer(text):
        if not has_han(run[0]):
            yield run.span()
            continue
        at = run.start()
        # Chinese and Latin letters may stand without a blank between them.
        for start, end in chinese_tokens(run[0]):
            yield at + start, at + end


@cache
def _stops(words: str, own: tuple[str, ...]) -> frozenset[str]:
    listed: Iterable[str] = FUNCTION_WORDS if words == "function" else ()
    if words == "iso":
        try:
            import stopwordsiso
        except ImportError:
            message = _(
                "data.cleaners: stop_words with the list iso needs a package more: "
                "pip install 'weitiao[cleaning]'"
            )
            raise PlanError([message]) from None
        listed = stopwordsiso.stopwords(["en", "zh"])
    return frozenset(word.lower() for word in (*listed, *own))
