"""Words of texts, by places: given as a list, else found: runs of letters, single characters where
words are not separated (Chinese), single signs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.core.script import UNSEPARATED

MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0d7f\u0e31-\u0e4e\u200c\u200d"
_WORD = re.compile(rf"[{UNSEPARATED}]|(?:[^\W{UNSEPARATED}]|[{MARKS}])+|[^\w\s]")
_NEAR = re.compile(rf"[{UNSEPARATED}\u3000-\u303f\uff00-\uffef]")


def found_in(text: str) -> np.ndarray:
    """(words, 2): where each word begins, and the place behind it.

    >>> found_in("2013年, U.S").tolist()
    [[0, 4], [4, 5], [5, 6], [7, 8], [8, 9], [9, 10]]
    """
    return places([word.span() for word in _WORD.finditer(text)])


def listed(cell: str) -> list[str] | None:
    """The words of a cell that is a JSON list of texts and numbers; None for any other cell.

    >>> listed('["a", 1.50]'), listed("[ ]"), listed("[sic] a"), listed('["a", null]')
    (['a', '1.50'], [], None, None)
    """
    values = _values(cell)
    words = [value for value in values or () if isinstance(value, str)]
    return None if values is None or len(words) < len(values) else words


def holed(cell: str) -> bool:
    """Whether a cell is a list of words of which some are none (null, true, a list)."""
    values = _values(cell) or []
    return any(isinstance(v, str) for v in values) and not all(isinstance(v, str) for v in values)


def _values(cell: str) -> list[Any] | None:
    """The values of a JSON list, numbers as they are written."""
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        values = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, list) else None


def joined(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words as a text, with a blank between them unless one side is Chinese; and their places.

    >>> joined(["I", "am"]), joined(["我", "来"])
    (('I am', [(0, 1), (2, 4)]), ('我来', [(0, 1), (1, 2)]))
    """
    pieces: list[str] = []
    spans, at, before = [], 0, ""
    for word in words:
        if before and word and not (_NEAR.match(before[-1]) or _NEAR.match(word)):
            pieces.append(" ")
            at += 1
        pieces.append(word)
        spans.append((at, at + len(word)))
        at += len(word)
        before = word or before
    return "".join(pieces), spans


def places(spans: Sequence[Sequence[int]]) -> np.ndarray:
    return np.array(spans, np.int64).reshape(-1, 2)
