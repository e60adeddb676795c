"""Chinese word segmentation with jieba: its own dictionary, a private cache, no log messages."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import warnings
from collections.abc import Iterator
from typing import Any

from weitiao.core.script import HAN, HAN_RARE
from weitiao.data.cache import store

LONGEST_RUN = 400  # Chinese characters
_LONG_RUN = re.compile(f"[{HAN}{HAN_RARE}]{{{LONGEST_RUN + 1}}}")
_RUNS = re.compile(f"[{HAN}{HAN_RARE}]{{1,{LONGEST_RUN}}}|[^{HAN}{HAN_RARE}]+")
Words = tuple[tuple[str, int], ...]  # of the user, with their counts; 0: as many as it needs


def chinese_words(text: str) -> list[str]:
    """The words of a Chinese text, segmented by jieba, without punctuation."""
    segmenter = _segmenter(())
    pieces = (segmenter.cut(piece) for piece in _pieces(text))
    return [word for words in pieces for word in words if word[0].isalnum()]


def chinese_tokens(text: str, words: Words = ()) -> Iterator[tuple[int, int]]:
    """Character offsets of jieba's segments, blanks and punctuation included.

    words: more than jieba's own dictionary has.
    """
    segmenter, at = _segmenter(words), 0
    for piece in _pieces(text):
        yield from ((at + start, at + end) for _, start, end in segmenter.tokenize(piece))
        at += len(piece)


def _pieces(text: str) -> list[str]:
    """The text, cut where Chinese goes on without a mark for longer than any sentence: jieba's time
    grows by the square of such a run."""
    if _LONG_RUN.search(text) is None:
        return [text]
    return _RUNS.findall(text)


@functools.lru_cache(maxsize=4)
def _segmenter(words: Words) -> Any:
    """A separate jieba tokenizer, so that words added elsewhere in the process change nothing."""
    with warnings.catch_warnings():
        # jieba 0.42 is older than these warnings about its source; its answers are not affected.
        warnings.filterwarnings("ignore", ".*invalid escape sequence")
        warnings.filterwarnings("ignore", ".*pkg_resources")
        import jieba
    segmenter = jieba.Tokenizer()
    if words:
        usual = _segmenter(())
        segmenter.FREQ, segmenter.total = dict(usual.FREQ), usual.total
        segmenter.initialized = True
        for word, count in words:
            segmenter.add_word(word, count or None)
        return segmenter
    # jieba unmarshals a cache of a fixed name in the shared temporary folder, where any user could
    # have put one. os.devnull is no folder: then it works without a cache.
    segmenter.tmp_dir = os.devnull
    with contextlib.suppress(OSError):
        segmenter.tmp_dir = str(store.folder("words"))
    log = logging.getLogger("jieba")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        segmenter.initialize()
    finally:
        log.setLevel(level)
    return segmenter
