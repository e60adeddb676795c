"""Chinese words: jieba, quiet, with its own dictionary and nobody else's cache."""

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
    """The words of a Chinese text, by jieba."""
    return [word for word in _segmenter().cut(text) if word[0].isalnum()]


def chinese_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Where every piece that jieba cuts begins and ends, blanks and signs too."""
    yield from ((start, end) for _, start, end in _segmenter().tokenize(text))


@functools.cache
def _segmenter() -> Any:
    """jieba with its own dictionary, so that nobody's added words change the baseline."""
    with warnings.catch_warnings():
        # jieba 0.42 is older than these warnings about its source; its answers are not affected.
        warnings.filterwarnings("ignore", ".*invalid escape sequence")
        warnings.filterwarnings("ignore", ".*pkg_resources")
        import jieba
    segmenter = jieba.Tokenizer()
    # jieba trusts a file of a known name in the temporary folder, where anyone may have put one.
    segmenter.tmp_dir = os.devnull  # no folder: jieba does without its cache
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
