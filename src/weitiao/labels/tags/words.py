"""Word tokenization with character offsets: words listed in the cell, else by regular expression.

Split words are runs of letters, single characters where words are not separated (Chinese), single
signs. Taggers are trained and evaluated on these words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weitiao.core.literals import value_of
from weitiao.core.script import UNSEPARATED
from weitiao.errors import DataError, placed
from weitiao.example import Example
from weitiao.i18n.messages import _

# Combining marks belong to the letter before them: accents, Hebrew points, Arabic vowel signs, the
# signs of Indic scripts and Thai, joiners. Python's \w does not hold them.
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0d7f\u0e31-\u0e4e\u200c\u200d"
_WORD = re.compile(rf"[{UNSEPARATED}]|(?:[^\W{UNSEPARATED}]|[{MARKS}])+|[^\w\s]")
_NEAR = re.compile(rf"[{UNSEPARATED}\u3000-\u303f\uff00-\uffef]")


def split_words(text: str) -> np.ndarray:
    """Split a text into words: character offsets (words, 2) of start and end.

    >>> split_words("2013年, U.S").tolist()
    [[0, 4], [4, 5], [5, 6], [7, 8], [8, 9], [9, 10]]
    """
    return places([word.span() for word in _WORD.finditer(text)])


def listed(cell: str) -> list[str] | None:
    """Parse a JSON list of words (texts and numbers); None for any other cell.

    >>> listed('["a", 1.50]'), listed("[ ]"), listed("[sic] a"), listed('["a", null]')
    (['a', '1.50'], [], None, None)
    """
    values = _values(cell)
    words = [value for value in values or () if isinstance(value, str)]
    return None if values is None or len(words) < len(values) else words


def has_bad_word(cell: str) -> bool:
    """Whether a cell is a JSON list of words with items that are none (null, true, a list)."""
    values = _values(cell) or []
    return any(isinstance(v, str) for v in values) and not all(isinstance(v, str) for v in values)


def _values(cell: str) -> list[Any] | None:
    """The values of a list (JSON, Python's, numpy's), numbers as they are written."""
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        values = value_of(text, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return None
    return values if isinstance(values, list) else None


def joined(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Detokenize words: a text with blanks except next to Chinese, and the words' offsets.

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


def with_words(example: Example) -> Example:
    """Replace a list of words in an example by its text, with the words' offsets in meta["words"].

    Raises DataError where an item is no word.
    """
    if "words" in example.meta:
        return example
    cell = str(example.inputs["text"])
    cell_words = listed(cell)
    if cell_words is None:
        if has_bad_word(cell):
            message = _("{cell!r} has a word that is neither a text nor a number.", cell=cell[:60])
            raise DataError(placed(example.id, message))
        return example
    text, spans = joined(cell_words)
    return replace(
        example, inputs={**example.inputs, "text": text}, meta={**example.meta, "words": spans}
    )


def word_places(example: Example) -> np.ndarray:
    """Character offsets (words, 2) of the words in the raw text."""
    if "words" in example.meta:
        return places(example.meta["words"])
    return split_words(str(example.meta.get("raw", example.inputs)["text"]))


def cleaned_places(example: Example) -> np.ndarray:
    """Character offsets (words, 2) of the words in the cleaned text; removed words are empty."""
    # origins never decrease, so a raw offset maps to the first cleaned character at or after it.
    raw_places = word_places(example)
    if "origins" not in example.meta:
        return raw_places
    origins = np.asarray(example.meta["origins"]["text"], np.int64)
    return np.asarray(np.searchsorted(origins, raw_places, "left"))
