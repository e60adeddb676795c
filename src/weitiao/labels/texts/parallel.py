"""Doubtful pairs of a text and its translation: copies, lengths, numbers, writing, tags.

The list follows the filters of OpusFilter (Aulamo et al. 2020); thresholds of lengths come from the
rows themselves, since languages differ in how many characters they need.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import Enum

import numpy as np

from weitiao.core.script import han_count

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


def doubts(sources: Sequence[str], targets: Sequence[str]) -> dict[Doubt, int]:
    """How many pairs are doubtful, and why."""
    counts = Counter(doubt for doubt in doubts_of(sources, targets) if doubt is not None)
    return {doubt: counts[doubt] for doubt in Doubt if counts[doubt]}


def doubts_of(sources: Sequence[str], targets: Sequence[str]) -> list[Doubt | None]:
    """For each pair why it is doubtful, or None."""
    lengths = np.array(
        [[len(one), len(other)] for one, other in zip(sources, targets, strict=True)]
    )
    logs = np.log(np.maximum(lengths[:, 1], 1) / np.maximum(lengths[:, 0], 1))
    usual = float(np.median(logs)) if len(logs) else 0.0
    han = np.array(
        [[han_count(one), han_count(other)] for one, other in zip(sources, targets, strict=True)]
    )
    return [
        _doubt(source, target, abs(float(log) - usual), swapped)
        for source, target, log, swapped in zip(sources, targets, logs, _swapped(han), strict=True)
    ]


def _doubt(source: str, target: str, apart: float, swapped: bool) -> Doubt | None:
    if source.strip() == target.strip() and any(map(str.isalpha, source)):
        return Doubt.COPY
    if swapped:
        return Doubt.SWAPPED
    if apart > np.log(FAR) and max(len(source), len(target)) > SHORT:
        return Doubt.LENGTH
    if _numbers(source) != _numbers(target) and _numbers(source) and _numbers(target):
        return Doubt.NUMBERS
    if sorted(TAG.findall(source)) != sorted(TAG.findall(target)):
        return Doubt.MARKUP
    return None


def _numbers(text: str) -> list[str]:
    """The numbers of a text, sorted, without separators: languages write them differently."""
    return sorted(re.sub(r"[.,]", "", one) for one in NUMBER.findall(text))


def _swapped(han: np.ndarray) -> np.ndarray:
    """(n,) whether a pair is the wrong way round, where one side is Chinese nearly always."""
    if not len(han):
        return np.zeros(0, bool)
    chinese = (han >= FEWEST_HAN).mean(0) >= MOSTLY
    if chinese[0] == chinese[1]:
        return np.zeros(len(han), bool)
    side = int(chinese[1])
    return np.asarray((han[:, side] == 0) & (han[:, 1 - side] >= FEWEST_HAN))
