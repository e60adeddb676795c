"""Hierarchical labels (paths such as 体育/足球): separator, levels, top-down prediction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np

# "->" stands before ">", which is a part of it.
SEPARATORS = ("/", "／", "->", "→", "::", ">", "\\", "|")
NEARLY_ALL = 0.9  # of the labels have the separator
FEWEST = 4  # labels; fewer have no levels worth speaking of


def separator_of(labels: Sequence[str]) -> str:
    """Detect the level separator of hierarchical labels; "" for flat ones.

    Nearly all labels must have it, and parents must repeat.

    >>> separator_of(["体育/足球", "体育/篮球", "财经/股票", "财经/基金"])
    '/'
    >>> separator_of(["a/b", "c/d", "e/f", "g/h"]), separator_of(["yes", "no"])
    ('', '')
    >>> separator_of(["a", "a / b", "b / a", "c / a"])  # sets
    ''
    """
    if two_orders(labels):
        return ""
    for separator in SEPARATORS:
        paths = [[piece.strip() for piece in label.split(separator)] for label in labels]
        deep = [path for path in paths if len(path) > 1 and all(path)]
        # Labels such as "and/or" or "tv/radio" have the sign too, but their first halves differ.
        parents = {path[0] for path in deep}
        enough = len(labels) >= FEWEST and len(deep) >= NEARLY_ALL * len(labels)
        if enough and 2 <= len(parents) <= len(deep) / 2:
            return separator
    return ""


def two_orders(labels: Collection[str]) -> tuple[str, str] | None:
    """Two labels that say the same in another order, as several labels a row do and no path does:
    "UK / sports" and "sports / UK", where "sports" stands alone as well; None without such.

    >>> two_orders(["UK / sports", "sports / UK", "sports"]), two_orders(["en/de", "de/en"])
    (('UK / sports', 'sports / UK'), None)
    """
    for separator in SEPARATORS:
        sets: dict[tuple[str, ...], str] = {}
        alone = {label.strip() for label in labels if separator not in label}
        for label in labels:
            pieces = [piece.strip() for piece in label.split(separator)]
            if len(pieces) < 2 or not all(pieces) or alone.isdisjoint(pieces):
                continue
            other = sets.setdefault(tuple(sorted(pieces)), label)
            if [piece.strip() for piece in other.split(separator)] != pieces:
                return other, label
    return None


@lru_cache(maxsize=64)
def levels_of(labels: tuple[str, ...], separator: str) -> tuple[Level, ...]:
    """Levels of a label hierarchy, the top first. A leaf above a level stands in it itself."""
    paths = [_path(label, separator) for label in labels]
    spaced = any(f" {separator} " in label for label in labels)
    between = f" {separator} " if spaced else separator
    return tuple(
        Level([path[:depth] for path in paths], between)
        for depth in range(1, max(map(len, paths), default=1) + 1)
    )


class Level:
    """One level of a hierarchy. `names`: its nodes; `of` (labels,): the node above each label, or
    itself; `deep` (labels,): whether the label reaches this level."""

    def __init__(self, paths: Sequence[tuple[str, ...]], between: str) -> None:
        known = sorted(set(paths))
        places = {path: at for at, path in enumerate(known)}
        self.names = tuple(between.join(path) for path in known)
        self.of = np.array([places[path] for path in paths], np.int64)
        self.deep = np.array([len(path) for path in paths]) == max(map(len, paths), default=0)

    def sums(self, scores: np.ndarray) -> np.ndarray:
        """The probability of each node, (n, nodes): the sum of its labels'."""
        return np.asarray(scores @ (self.of[:, None] == np.arange(len(self.names))).astype(float))


def top_down(scores: np.ndarray, levels: Sequence[Level]) -> np.ndarray:
    """Top-down decoding, (n,) labels: the likeliest node at each level below the one before.

    It can differ from the likeliest label: a parent wins by the sum of its children.
    """
    left = np.array(scores, dtype=float)
    for level in levels:
        best = level.sums(left).argmax(1)
        left = np.where(level.of[None, :] == best[:, None], left, 0.0)
    return np.asarray(left.argmax(1))


def _path(label: str, separator: str) -> tuple[str, ...]:
    pieces = tuple(piece.strip() for piece in label.split(separator) if piece.strip())
    return pieces or (label,)
