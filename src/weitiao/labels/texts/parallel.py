"""Doubtful pairs of a text and its translation: copies, lengths, numbers, writing, tags.

The list follows the filters of OpusFilter (Aulamo et al. 2020); thresholds of lengths come from the
rows themselves, since languages differ in how many characters they need.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Self

import numpy as np

from weitiao.core.script import han_count
from weitiao.i18n.messages import _

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
FAR = 4.0  # times the usual ratio of lengths
SHORT = 12  # characters; shorter texts vary more
MOSTLY = 0.9  # of the rows are in the writing that the others are held against
FEWEST_HAN = 2


class Doubt(Enum):
    """Why a pair is doubtful; the first that holds."""

    COPY = "copy"
    SWAPPED = "swapped"
    LENGTH = "length"
    NUMBERS = "numbers"
    MARKUP = "markup"


@dataclass(frozen=True)
class Usual:
    """What most pairs are like: the ratio of lengths (natural logarithm of target to source), and
    which side is Chinese (0: source, 1: target; None: both or neither)."""

    log_ratio: float = 0.0
    chinese: int | None = None

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Measured over all pairs, which are read once."""
        measured = ((_log_ratio(*pair), *map(han_count, pair)) for pair in pairs)
        table = np.fromiter(chain.from_iterable(measured), float).reshape(-1, 3)
        if not len(table):
            return cls()
        mostly = (table[:, 1:] >= FEWEST_HAN).mean(0) >= MOSTLY
        side = None if mostly[0] == mostly[1] else int(mostly[1])
        return cls(float(np.median(table[:, 0])), side)


def doubts(pairs: Callable[[], Iterable[tuple[str, str]]]) -> dict[Doubt, int]:
    """How many pairs are doubtful, and why. pairs(): all of them; they are read twice."""
    usual = Usual.of(pairs())
    counts = Counter(doubt_of(*pair, usual) for pair in pairs())
    return {doubt: counts[doubt] for doubt in Doubt if counts[doubt]}


def doubts_of(sources: Sequence[str], targets: Sequence[str]) -> list[Doubt | None]:
    """For each pair why it is doubtful, or None."""
    pairs = list(zip(sources, targets, strict=True))
    usual = Usual.of(pairs)
    return [doubt_of(*pair, usual) for pair in pairs]


def doubt_of(
    source: str,
    target: str,
    usual: Usual,
    wanted: Container[Doubt] = frozenset(Doubt),
    far: float = FAR,
) -> Doubt | None:
    """Why a pair is doubtful, the first of the `wanted` reasons; far: times the usual ratio."""
    holds: dict[Doubt, Callable[[], bool]] = {
        Doubt.COPY: lambda: source.strip() == target.strip() and any(map(str.isalpha, source)),
        Doubt.SWAPPED: lambda: _swapped((source, target), usual.chinese),
        Doubt.LENGTH: lambda: (
            abs(_log_ratio(source, target) - usual.log_ratio) > np.log(far)
            and max(len(source), len(target)) > SHORT
        ),
        Doubt.NUMBERS: lambda: _other_numbers(_numbers(source), _numbers(target)),
        Doubt.MARKUP: lambda: sorted(TAG.findall(source)) != sorted(TAG.findall(target)),
    }
    return next((doubt for doubt in Doubt if doubt in wanted and holds[doubt]()), None)


def _log_ratio(source: str, target: str) -> float:
    return float(np.log(max(len(target), 1) / max(len(source), 1)))


def _swapped(pair: tuple[str, str], chinese: int | None) -> bool:
    """Whether a pair is the wrong way round, where one side is Chinese nearly always."""
    if chinese is None:
        return False
    return han_count(pair[chinese]) == 0 and han_count(pair[1 - chinese]) >= FEWEST_HAN


def _other_numbers(ours: list[str], theirs: list[str]) -> bool:
    """Whether both have numbers, and others: one side may write them out as words."""
    return bool(ours and theirs and ours != theirs)


def _numbers(text: str) -> list[str]:
    """The numbers of a text, sorted, without separators: languages write them differently."""
    plain = unicodedata.normalize("NFKC", text)  # Chinese writes digits in full width, too
    return sorted(re.sub(r"[.,]", "", one) for one in NUMBER.findall(plain))


def describe(doubt: Doubt, rows: str) -> str:
    """A sentence about the rows (how many) of a doubt."""
    return {
        Doubt.COPY: _("{rows} whose target is a copy of the text", rows=rows),
        Doubt.LENGTH: _("{rows} whose target is far too long or too short for its text", rows=rows),
        Doubt.NUMBERS: _("{rows} in whose target other numbers stand than in its text", rows=rows),
        Doubt.SWAPPED: _("{rows} with text and target swapped, by their writing", rows=rows),
        Doubt.MARKUP: _("{rows} in whose target other tags stand than in its text", rows=rows),
    }[doubt]
