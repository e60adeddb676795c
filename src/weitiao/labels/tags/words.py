"""Word tokenization with character offsets: words listed in the cell, else by regular expression.

Split words are runs of letters, single characters where words are not separated (Chinese), single
signs. Taggers are trained and evaluated on these words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from weitiao.core.alignment import Alignment
from weitiao.core.literals import ARRAYS, value_of
from weitiao.core.script import UNSEPARATED
from weitiao.errors import DataError, placed
from weitiao.example import Example
from weitiao.i18n.messages import _

_NEAR = re.compile(rf"[{UNSEPARATED}\u3000-\u303f\uff00-\uffef]")
# Blocks that are searched for marks: the basic plane, the scripts beyond it, variation selectors.
_BLOCKS = ((0x00, 0x08), (0x0E, 0x1B), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xFFFF),
           (0x10A00, 0x11FFF), (0x16A00, 0x16FFF), (0x1E000, 0x1E9FF),
           (0xE0100, 0xE01EF))  # fmt: skip
_JOINING = ("Mn", "Mc", "Me", "Cf", "Cc", "Co")
_REPLACED, _ZERO_SPACE = "\ufffd", "\u200b"  # the latter stands between words (Khmer, Thai)


@cache
def _joining() -> str:
    """Characters that belong to the letter beside them, as ranges of a regular expression."""
    # Accents and vowel signs of many scripts; and what tokenizers drop (soft hyphen, zero width,
    # controls): no token speaks for it, so that a name would be cut there. Python's \w has few.
    ranges: list[str] = []
    for start, end in _BLOCKS:
        first = None
        for code in range(start, end + 2):
            one = chr(code)
            joins = (
                code <= end
                and one != _ZERO_SPACE
                and (unicodedata.category(one) in _JOINING or one == _REPLACED)
            )
            if joins and first is None:
                first = code
            elif not joins and first is not None:
                ranges.append(rf"\U{first:08x}-\U{code - 1:08x}")
                first = None
    return "".join(ranges)


@cache
def word_pattern() -> re.Pattern[str]:
    """The expression of a word; made when it is first used."""
    j = _joining()
    letter = rf"[^\W{UNSEPARATED}{j}]"
    return re.compile(
        rf"[{j}]*(?:[{UNSEPARATED}][{j}]*|{letter}(?:{letter}|[{j}])*|[^\w\s{j}{_ZERO_SPACE}][{j}]*)"
    )


def is_invisible(text: str) -> bool:
    """Whether a text holds nothing that a network reads: blanks and characters without a form.

    >>> is_invisible("\\u00ad\\u200b "), is_invisible("a\\u00ad"), is_invisible("")
    (True, False, True)
    """
    return re.fullmatch(rf"[\s{_joining()}{_ZERO_SPACE}]*", text) is not None


def split_words(text: str) -> np.ndarray:
    """Split a text into words: character offsets (words, 2) of start and end.

    >>> split_words("2013年, U.S").tolist()
    [[0, 4], [4, 5], [5, 6], [7, 8], [8, 9], [9, 10]]
    """
    return places([word.span() for word in word_pattern().finditer(text)])


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
    if not (text.startswith("[") and text.endswith("]")) and not text.startswith(ARRAYS):
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


def text_of(cell: str) -> str:
    """The text of a cell: the detokenized words of a JSON list, else the cell itself.

    >>> text_of('["I", "am"]'), text_of("I am")
    ('I am', 'I am')
    """
    words = listed(cell)
    return cell if words is None else joined(words)[0]


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
    # No token speaks for a word without a form: it has a tag in the file, and none here.
    seen = [span for word, span in zip(cell_words, spans, strict=True) if not is_invisible(word)]
    meta = {**example.meta, "words": seen}
    if len(seen) < len(spans):
        meta["listed"] = spans
    return replace(example, inputs={**example.inputs, "text": text}, meta=meta)


def word_places(example: Example) -> np.ndarray:
    """Character offsets (words, 2) of the words in the raw text."""
    if "words" in example.meta:
        return places(example.meta["words"])
    return split_words(str(example.meta.get("raw", example.inputs)["text"]))


def listed_places(example: Example) -> np.ndarray:
    """Offsets of the words that have a tag in the file, also of those without a form."""
    return places(example.meta["listed"]) if "listed" in example.meta else word_places(example)


def cleaned_places(example: Example) -> np.ndarray:
    """Character offsets (words, 2) of the words in the cleaned text; removed words are empty, and
    words that were replaced together have the same."""
    raw_places = word_places(example)
    if "alignment" not in example.meta:
        return raw_places
    alignment: Alignment = example.meta["alignment"]["text"]
    return alignment.from_source(raw_places)
