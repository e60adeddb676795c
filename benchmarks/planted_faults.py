"""Faults planted in rows, and the truth about them, computed apart from weitiao.

Rows are equal when their letters and digits are, in one case and width (`unicodedata`); they are
similar by the exact Jaccard similarity of all pairs, a sparse product.
"""

from __future__ import annotations

import random
import string
import unicodedata
from collections.abc import Iterator, Sequence

SIMILARITY = 0.8
BLOCK = 500  # rows of the sparse product at once
Row = tuple[str, str]  # text, label


def respelled(text: str, draw: random.Random) -> str:
    """The same letters and digits: other case, blanks or punctuation."""
    how = draw.randrange(3)
    if how == 0:
        return text.swapcase() if text.swapcase() != text else f"  {text}。"
    if how == 1:
        return "".join(one + "  " if one in " ，,." else one for one in text) + draw.choice("!。.")
    return text.strip().rstrip(".。!！") + draw.choice([" .", "！", "…", "\t"])


def edited(text: str, share: float, draw: random.Random) -> str:
    """The text with so many of its characters replaced by others of it, at least one."""
    characters = list(text)
    places = [at for at, one in enumerate(characters) if one.isalnum()]
    for at in draw.sample(places, min(len(places), max(1, round(share * len(places))))):
        characters[at] = draw.choice([characters[draw.choice(places)], *string.ascii_lowercase])
    return "".join(characters)


class Truth:
    """What stands in the rows, computed without weitiao."""

    def __init__(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        forms = [letters(text) for text, _label in [*train, *test]]
        n = len(train)
        seen, first = set[tuple[str, str]](), {}
        self.exact = set[int]()
        by_form: dict[str, set[str]] = {}
        for at, (form, (_text, label)) in enumerate(zip(forms, train, strict=False)):
            (self.exact.add(at) if (form, label) in seen else seen.add((form, label)))
            by_form.setdefault(form, set()).add(label)
            first.setdefault(form, at)
        self.conflicts = {at for at in range(n) if len(by_form[forms[at]]) > 1}
        self.forms = forms
        distinct = sorted(set(forms))
        number = {form: at for at, form in enumerate(distinct)}
        self.pairs = {frozenset((distinct[a], distinct[b])) for a, b in similar(distinct)}
        learned = {number[form] for form in forms[:n]}
        near: dict[str, set[str]] = {}
        for pair in self.pairs:
            one, other = pair
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
        self.leaks = {
            at
            for at, form in enumerate(forms[n:])
            if number[form] in learned
            or any(number[other] in learned for other in near.get(form, ()))
        }
        self.train_forms = set(forms[:n])


def letters(text: str) -> str:
    """Letters and digits in one case and width."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in plain if one.isalnum()) or "".join(plain.split())


def shingles(form: str) -> set[str]:
    """Pieces of 5 characters, 3 where most are Chinese or kana."""
    wide = sum(
        "\u3005" <= one <= "\u3007" or "\u3040" <= one <= "\u30ff" or "\u3400" <= one <= "\u9fff"
        for one in form
    )
    size = 3 if 2 * wide > len(form) else 5
    return {form[at : at + size] for at in range(max(1, len(form) - size + 1))}


def similar(forms: Sequence[str]) -> Iterator[tuple[int, int]]:
    """All pairs whose Jaccard similarity reaches the threshold, by the product X X'."""
    import numpy as np
    from scipy.sparse import csr_matrix

    numbers: dict[str, int] = {}
    indices, edges = [], [0]
    for form in forms:
        indices += [numbers.setdefault(one, len(numbers)) for one in shingles(form)]
        edges.append(len(indices))
    matrix = csr_matrix(
        (np.ones(len(indices), np.float32), indices, edges), (len(forms), len(numbers))
    )
    sizes = np.diff(edges)
    transposed = matrix.T.tocsr()
    for start in range(0, len(forms), BLOCK):
        common = (matrix[start : start + BLOCK] @ transposed).toarray()
        union = sizes[start : start + BLOCK, None] + sizes[None, :] - common
        for a, b in zip(*np.nonzero(common >= SIMILARITY * union - 1e-6), strict=True):
            if start + a < b:
                yield int(start + a), int(b)
