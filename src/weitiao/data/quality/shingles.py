"""Character shingles (n-grams) of texts as 64-bit hashes, and their exact Jaccard similarity."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from weitiao.core.script import UNSEPARATED

SIZE, SIZE_UNSEPARATED = 5, 3  # characters of a shingle; 3 where most of a text is Han or kana
_LEFT_OUT = re.compile(r"[\W_]+")
_UNSEPARATED = re.compile(f"[{UNSEPARATED}]")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def normal_form(text: str) -> str:
    """The letters and digits of a text, in one case and width: equal for texts that differ only by
    case, full width, blanks and punctuation. Texts without letters keep their characters.

    >>> normal_form("Good  film!"), normal_form("ＧＯＯＤ film"), normal_form("!?")
    ('goodfilm', 'goodfilm', '!?')
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    plain = _LEFT_OUT.sub("", text)
    return plain or "".join(text.split())


def size_of(form: str) -> int:
    """Characters of a shingle of this text."""
    if form.isascii():
        return SIZE
    return SIZE_UNSEPARATED if 2 * len(_UNSEPARATED.findall(form)) > len(form) else SIZE


def shingle_hashes(forms: Sequence[str], salt: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all shingles of texts in a row (uint64), and where each text begins (n + 1).

    A text shorter than a shingle is one. salt: of the role, where a row has several texts.
    """
    sizes = np.array([size_of(form) for form in forms], np.int64)
    lengths = np.array([len(form) for form in forms], np.int64)
    points = np.frombuffer("".join(forms).encode("utf-32-le", "surrogatepass"), np.uint32)
    codes = _mixed(points.astype(np.uint64) + np.uint64(salt << 32))
    counts = np.where(lengths == 0, 0, np.maximum(lengths - sizes + 1, 1))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    # First character of each shingle among all characters, and how many it has.
    first = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
    width = np.repeat(np.minimum(sizes, lengths), counts)
    hashes = width.astype(np.uint64)
    for at in range(SIZE):
        inside = width > at
        if inside.all():
            hashes = hashes * _BASE + codes[first + at]
        elif inside.any():
            hashes[inside] = hashes[inside] * _BASE + codes[first[inside] + at]
    return _mixed(hashes), offsets


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64 (Steele et al. 2014)."""
    values = values ^ (values >> np.uint64(30))
    values *= _MIX[0]
    values ^= values >> np.uint64(27)
    values *= _MIX[1]
    values ^= values >> np.uint64(31)
    return values


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard similarity |A ∩ B| / |A ∪ B| of two sorted sets of hashes; of two empty ones 1.

    >>> jaccard(np.array([1, 2, 3]), np.array([2, 3, 4]))
    0.5
    """
    if len(first) == 0 or len(second) == 0:
        return float(len(first) == len(second))
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)


def text_similarity(first: str, second: str) -> float:
    """Jaccard similarity of the shingles of two texts.

    >>> text_similarity("A good film.", "a good film!"), text_similarity("yes", "no")
    (1.0, 0.0)
    """
    hashes, offsets = shingle_hashes([normal_form(first), normal_form(second)])
    return jaccard(*(np.unique(hashes[a:b]) for a, b in pairwise(offsets)))
