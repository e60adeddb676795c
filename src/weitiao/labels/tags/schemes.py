"""Tags as spans and back: BIO, IOB1, IOBES, BMES, BMEO, BILOU.

One reading serves all of them, that of conlleval and seqeval: letters say the same in each (M is I,
L is E, U is S), and a span also begins where only its type says so, as in IOB1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from weitiao.core.ragged import Ragged, edges

OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
PREFIXES = {"B": BEGIN, "I": INSIDE, "M": INSIDE, "E": END, "L": END, "S": SINGLE, "U": SINGLE}
SHAPE = re.compile(r"([BIMELSU])[-_](.+)")
WORD = "word"  # what tags without a type are about: where words begin and end


def apart(tag: str) -> tuple[int, str] | None:
    """What a tag says of a span and its type; None when it follows no scheme.

    >>> apart("B-PER"), apart("O"), apart("L-ORG"), apart("E"), apart("NOUN")
    ((1, 'PER'), (0, ''), (3, 'ORG'), (3, 'word'), None)
    """
    if tag == "O":
        return OUTSIDE, ""
    if tag in PREFIXES:
        return PREFIXES[tag], WORD
    found = SHAPE.fullmatch(tag)
    return (PREFIXES[found[1]], found[2]) if found else None


def name_of(tags: Iterable[str]) -> str:
    """The scheme of tags by its letters; "" when they follow none.

    >>> name_of(["O", "B-x", "E-x"]), name_of(["U-x", "O"]), name_of(["NOUN", "O"])
    ('BMES', 'BILOU', '')
    """
    every = set(tags)
    if not every - {"O"} or any(apart(tag) is None for tag in every):
        return ""
    letters = {tag[0] for tag in every} - {"O"}
    if letters <= {"B", "I"}:
        return "BIO" if "B" in letters else "IOB1"
    if letters <= {"B", "I", "E", "S"} and "I" in letters:
        return "IOBES"
    if letters <= {"B", "M", "E", "S"}:
        return "BMES"
    return "BILOU" if letters <= {"B", "I", "L", "U"} else ""


def spans_of(kinds: np.ndarray, types: np.ndarray, offsets: np.ndarray) -> Ragged:
    """Spans (first, beyond the last, type) of rows of words, in words of the row.

    kinds: (words,) BEGIN, ...; types (words,); offsets (rows + 1,) of the rows.
    """
    lengths = np.diff(offsets)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    # A word outside stands behind each row: no span goes on into the next one.
    places = np.arange(len(kinds)) + rows
    now = np.zeros(len(kinds) + len(lengths), np.int64)
    kind = np.full(len(now), -1)
    now[places], kind[places] = kinds, np.where(kinds == OUTSIDE, -1, types)
    before, other = np.append(OUTSIDE, now[:-1]), kind != np.append(-1, kind[:-1])
    anew = other | np.isin(before, (OUTSIDE, END, SINGLE)) | np.isin(now, (BEGIN, SINGLE))
    first = np.flatnonzero((now != OUTSIDE) & anew)
    beyond = np.flatnonzero((before != OUTSIDE) & (anew | (now == OUTSIDE)))
    row = np.repeat(np.arange(len(lengths)), lengths + 1)[first]
    start = first - row - offsets[row]
    values = np.stack([start, start + beyond - first, kind[first]], 1).reshape(-1, 3)
    return Ragged(values, edges(np.bincount(row, minlength=len(lengths))))


def tags_of(spans: Sequence[tuple[int, int, str]], words: int, scheme: str = "BIO") -> list[str]:
    """Spans (first, beyond the last, type) of words that do not overlap, as tags.

    >>> tags_of([(0, 2, "x"), (2, 3, "x")], 4), tags_of([(0, 2, "x"), (2, 3, "x")], 3, "BILOU")
    (['B-x', 'I-x', 'B-x', 'O'], ['B-x', 'L-x', 'U-x'])
    """
    tags = ["O"] * words
    before = (0, "")
    for start, stop, kind in sorted(spans):
        begin, inside, end, single = list(_LETTERS[scheme])
        if scheme == "IOB1" and before != (start, kind):
            begin = single = "I"
        for at in range(start, stop):
            letter = begin if at == start else end if at == stop - 1 else inside
            tags[at] = f"{single if stop == start + 1 else letter}-{kind}"
        before = (stop, kind)
    return tags


_LETTERS = {
    "BIO": "BIIB", "IOB1": "BIIB", "IOBES": "BIES", "BMES": "BMES", "BILOU": "BILU",
}  # fmt: skip
