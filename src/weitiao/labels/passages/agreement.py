"""Exact match and F1 of an answer against the gold answers, as SQuAD and CMRC 2018 define them.

Words: the official scripts of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018): case, articles,
punctuation and blanks do not count, F1 is of the words in common. Characters: the script of CMRC
2018 (Cui et al. 2019): Chinese by characters, other writing by words, its list of punctuation does
not count, F1 is of the longest run in common.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from weitiao.core.script import HAN_OF_CMRC

_HAN = re.compile(f"[{HAN_OF_CMRC}]")
HAN_SHARE = 0.3  # of the letters of the answers; from here on they are compared by characters
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = set(string.punctuation)
_MARKS = set("-:_*^/\\~`+=，。：？！“”；’《》…·、「」（）－～『』")
_PIECES = re.compile(r"\w+|[^\w\s]")


def by_characters(texts: Sequence[str]) -> bool:
    """Whether answers are Chinese, so that F1 counts characters instead of words."""
    letters = re.sub(r"[\W\d_]", "", "".join(texts))
    return bool(letters) and len(_HAN.findall(letters)) >= HAN_SHARE * len(letters)


def agreement(answer: str, golds: Sequence[str], characters: bool) -> tuple[float, float]:
    """(exact match, F1) of an answer against the gold answers, each the maximum over them.

    Without gold answers the question is unanswerable: then "" is correct, and nothing else.

    >>> agreement("the Eiffel tower!", ["Eiffel Tower", "a tower"], False)
    (1.0, 1.0)
    >>> agreement("", [], False), agreement("Paris", [], False)
    ((1.0, 1.0), (0.0, 0.0))
    """
    plain = _plain_characters if characters else _plain_words
    known = [gold for gold in golds if plain(gold)]
    if not known:
        right = float(not plain(answer))
        return right, right
    exact = max(float(plain(answer) == plain(gold)) for gold in known)
    one = _f1_characters if characters else _f1_words
    return exact, max(one(answer, gold) for gold in known)


def _plain_words(text: str) -> str:
    letters = "".join(character for character in text.lower() if character not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", letters).split())


def _f1_words(answer: str, gold: str) -> float:
    predicted, gold_words = _plain_words(answer).split(), _plain_words(gold).split()
    common = sum((Counter(predicted) & Counter(gold_words)).values())
    return _f1(common, len(predicted), len(gold_words))


def _plain_characters(text: str) -> str:
    return "".join(c for c in text.lower().strip() if c not in _MARKS)


def segments(text: str) -> list[str]:
    """Tokenize as CMRC 2018: Chinese by characters, other scripts by words, no punctuation.

    >>> segments("光荣和ω-force。")
    ['光', '荣', '和', 'ωforce']
    """
    pieces, other = [], ""
    for character in text.lower().strip():
        if character in _MARKS:
            continue
        if _HAN.match(character):
            pieces += [*_PIECES.findall(other), character]
            other = ""
        else:
            other += character
    return pieces + _PIECES.findall(other)


def _f1_characters(answer: str, gold: str) -> float:
    predicted, right = segments(answer), segments(gold)
    return _f1(_longest_run(predicted, right), len(predicted), len(right))


def _longest_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common substring (contiguous, as in CMRC's script), in pieces."""
    # Dynamic programming: row[j] is the length of the common run that ends at this piece of the
    # first and piece j of the second; one row of the table is enough.
    best, above = 0, [0] * (len(second) + 1)
    for one in first:
        row = [0] * (len(second) + 1)
        for at, other in enumerate(second, 1):
            if one == other:
                row[at] = above[at - 1] + 1
                best = max(best, row[at])
        above = row
    return best


def _f1(common: int, predicted: int, right: int) -> float:
    if not common:
        return 0.0
    precision, recall = common / predicted, common / right
    return 2 * precision * recall / (precision + recall)
