"""Words of a text that augmentation may change: offsets, protected words, places between words."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from weitiao.core.script import has_han
from weitiao.data.segmentation import chinese_tokens
from weitiao.data.stop_words import is_negation

Range = tuple[int, int]
_RUN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_JOINT = re.compile(r"[.:/@&=?#%+~_-]{1,3}")  # between the parts of 192.168.1.1, U.S., a@b.com


@dataclass(frozen=True)
class WordsOf:
    """A text with its words.

    free: words that may be changed. Negations, words with digits, parts of a number, an address or
    an abbreviation, and words that overlap a fixed range (a span) may not. gaps: starts of words
    before which something may be put.
    """

    text: str
    words: Sequence[Range]
    free: Sequence[Range]
    gaps: Sequence[int]

    @classmethod
    def find(cls, text: str, fixed: Sequence[Range] = ()) -> WordsOf:
        """The words of a text; by jieba where it is Chinese."""
        words = word_offsets(text)
        joints = [_joint(text, *pair) for pair in pairwise(words)]
        parts = {word for pair, joint in zip(pairwise(words), joints, strict=True)
                 if joint not in ("", "-") for word in pair}  # fmt: skip
        free = [
            (start, end)
            for start, end in words
            if not (is_protected(text[start:end]) or _overlaps(start, end, fixed))
            and (start, end) not in parts
        ]
        gaps = [
            start
            for (start, _end), joint in zip(words, ["", *joints], strict=False)
            if not joint and not any(a < start < b for a, b in fixed)
        ]
        return cls(text, words, free, gaps)

    def count(self, share: float) -> int:
        """How many words a share of them is, at least one."""
        return max(1, round(share * len(self.words)))

    def drawn(self, share: float, rng: random.Random) -> list[Range]:
        """Words to change, in order: a share of all words, as far as they are free."""
        return sorted(rng.sample(self.free, min(self.count(share), len(self.free))))

    def __getitem__(self, word: Range) -> str:
        return self.text[word[0] : word[1]]


@lru_cache(maxsize=1024)
def word_offsets(text: str) -> tuple[Range, ...]:
    """Character offsets of words: runs of letters and digits; jieba's words within Chinese.

    >>> word_offsets("It's 5 o'clock, ok?")
    ((0, 4), (5, 6), (7, 14), (16, 18))
    """
    words: list[Range] = []
    for run in _RUN.finditer(text):
        if has_han(run[0]):
            at = run.start()
            words += [(at + start, at + end) for start, end in chinese_tokens(run[0])]
        else:
            words.append(run.span())
    return tuple(words)


def _joint(text: str, first: Range, second: Range) -> str:
    """What joins two neighbouring words to one, as in 1,000 or well-known; empty where nothing
    does. Chinese words have no joints."""
    between = text[first[1] : second[0]]
    before, after = text[first[1] - 1], text[second[0]]
    if has_han(before + after):
        return ""
    number = between == "," and before.isdigit() and after.isdigit()
    return between if number or _JOINT.fullmatch(between) else ""


def is_protected(word: str) -> bool:
    """Whether a word decides what a text says: a negation, or a number."""
    return any(one.isdigit() for one in word) or is_negation(word.lower().replace("’", "'"))


def _overlaps(start: int, end: int, ranges: Sequence[Range]) -> bool:
    return any(first < end and start < last for first, last in ranges)
