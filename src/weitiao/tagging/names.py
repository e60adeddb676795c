"""Which labels rows of tags or spans have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from weitiao.tagging.schemes import OUTSIDE, apart


def bio(names: Sequence[str]) -> list[str]:
    return [f"{letter}-{name}" for name in names for letter in "BI"]


def are_plain(targets: Sequence[Any]) -> bool:
    """Whether the rows have tags that follow no scheme: parts of speech and the like. A few odd
    ones among others are mistakes, which `truth` names."""
    tags = Counter(tag for target in targets for tag in target if isinstance(tag, str))
    odd = sum(count for tag, count in tags.items() if apart(tag) is None)
    return odd > 0.1 * tags.total()


def named(targets: Sequence[Any], plain: bool | None = None) -> Counter[str]:
    """Types of spans (or plain tags), how often."""
    plain = are_plain(targets) if plain is None else plain
    found: Counter[str] = Counter()
    for target in targets:
        for one in target or ():
            if isinstance(one, str):
                kind = one if plain else (apart(one) or (OUTSIDE, ""))[1]
                found.update([kind] if kind else [])
            else:
                found[one[2]] += 1
    return found
