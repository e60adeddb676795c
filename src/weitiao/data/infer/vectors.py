"""Indicator vectors: several labels as 0 and 1 by place in one cell, [0, 1, 1], 0;1;1 or 011."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from weitiao.core.literals import is_listed, value_of

FEWEST_DIGITS = 3  # of a vector written as digits alone: 01 and 10 may be codes
LONG_VECTOR = 3  # two places may be two ids
FEW_SLIPS = 0.02  # of the cells
_SIGNS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "0.": 0, "1.": 1}
_SEPARATOR = re.compile(r"\s*[,;|，；\s]\s*")


def indicators(cell: str) -> list[int] | None:
    """Parse a cell that holds nothing but 0 and 1, at least two; None for other cells.

    >>> indicators("[0, 1, 1]"), indicators("[0. 1.]"), indicators("0;1"), indicators("011")
    ([0, 1, 1], [0, 1], [0, 1], [0, 1, 1])
    >>> indicators("[0, 2]"), indicators("1"), indicators("[]"), indicators("sport")
    (None, None, None, None)
    """
    text = cell.strip()
    if is_listed(text):
        try:
            values = value_of(text)
        except ValueError:
            return None
        pieces = values if isinstance(values, list) else []
        if any(isinstance(one, str | list | dict) or one is None for one in pieces):
            return None
        vector = [int(one) if one in (0, 1) else -1 for one in pieces]
    elif re.fullmatch(rf"[01]{{{FEWEST_DIGITS},}}", text):
        vector = [int(one) for one in text]
    else:
        vector = [_SIGNS.get(one, -1) for one in _SEPARATOR.split(text)]
    return vector if len(vector) > 1 and -1 not in vector else None


def vector_length(cells: Iterable[str]) -> int:
    """The length of the vectors that these cells are; 0 where they are something else.

    A few cells of another kind among long vectors are slips, which are refused by name. Lists of
    class ids differ in length, or hold other numbers too. Digits alone are vectors only where one
    of them begins with a zero, as no number does.
    """
    lengths, digits, padded, count = Counter[int](), True, False, 0
    for cell in cells:
        vector = indicators(cell)
        count += 1
        lengths[len(vector) if vector is not None else 0] += 1
        if vector is not None:
            text = cell.strip()
            digits, padded = digits and text.isdigit(), padded or text.startswith("0")
    length, most = lengths.most_common(1)[0] if lengths else (0, 0)
    slips = count - most
    if slips and (length < LONG_VECTOR or digits or slips > FEW_SLIPS * count):
        return 0
    return 0 if digits and not padded else length


def place_names(column: str, length: int) -> list[str]:
    """Names of the labels by their place, counted from 0 as arrays are: labels[0], labels[1]."""
    return [f"{column}[{place}]" for place in range(length)]
