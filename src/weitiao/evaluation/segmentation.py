"""Chinese word segmentation with jieba: its own dictionary, a private cache, no log messages."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

from weitiao.data.cache import store


def chinese_words(text: str) -> list[str]:
    """The words of a Chinese text, segmented by jieba, without punctuation."""
    return [word for word in _segmenter().cut(text) if word[0].isalnum()]


def chinese_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Character offsets of jieba's segments, blanks and punctuation included."""
    yield from ((start, end) for _, start, end in _segmenter().tokenize(text))


@functools.cache
def _segmenter() -> Any:
    """A separate jieba tokenizer, so that words added elsewhere in the process change nothing."""
    with warnings.catch_warnings():
        # jieba 0.42 is older than these warnings about its source; its answers are not affected.
        warnings.filterwarnings("ignore", ".*invalid escape sequence")
        warnings.filterwarnings("ignore", ".*pkg_resources")
        import jieba
    segmenter = jieba.Tokenizer()
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
