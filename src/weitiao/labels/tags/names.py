"""Which labels rows of tags or spans have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from weitiao.labels.tags.schemes import OUTSIDE, apart


def bio(names: Sequence[str]) -> list[str]:
    return [f"{letter}-{name}" for name in names for letter in "BI"]


def are_plain(targets: Sequence[Any]) -> bool:
    """Whether the rows have tags that follow no scheme: parts of speech and the like. A few odd
    ones among others are mistakes, which `truth` names. Types beside O, where most words are O,
    are spans (see `are_io`)."""
    tags = _tags(targets)
    odd = sum(count for tag, count in tags.items() if apart(tag) is None)
    if tags and are_io(targets):
        return tags["O"] < max(tags.values())
    return odd > 0.1 * tags.total()


def are_io(targets: Sequence[Any]) -> bool:
    """Whether the tags of rows of spans name types only, not where spans begin: O PER PER."""
    tags = _tags(targets).keys() - {"O"}
    return bool(tags) and all(apart(tag) is None for tag in tags)


def with_prefixes(tags: Sequence[str]) -> list[str]:
    """Tags that name types only, as those of a scheme.

    >>> with_prefixes(["O", "PER", "PER"])
    ['O', 'I-PER', 'I-PER']
    """
    return [tag if tag == "O" else f"I-{tag}" for tag in tags]


def named(targets: Sequence[Any], plain: bool | None = None) -> Counter[str]:
    """Types of spans (or plain tags), how often."""
    plain = are_plain(targets) if plain is None else plain
    io = not plain and are_io(targets)
    found: Counter[str] = Counter()
    for target in targets:
        for one in target or ():
            if isinstance(one, str):
                kind = one if plain or (io and one != "O") else (apart(one) or (OUTSIDE, ""))[1]
                found.update([kind] if kind else [])
            else:
                found[one[2]] += 1
    return found


def _tags(targets: Sequence[Any]) -> Counter[str]:
    return Counter(tag for target in targets for tag in target or () if isinstance(tag, str))
