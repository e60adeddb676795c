"""Paired differences pooled over sets, rows and seeds, with a bootstrap interval.

A pair is two scores on the same rows of the same set. Pairs of one set are alike, so sets are drawn
with replacement first, then pairs within each drawn set (cluster bootstrap).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import timing

DRAWS = 5_000
FEWEST_PAIRS = 5  # the interval of fewer says nothing


@dataclass(frozen=True)
class Pooled:
    """The mean difference in points (x 100), its 95 % interval, and what is behind it."""

    value: float
    low: float
    high: float
    pairs: int
    sets: int

    def __str__(self) -> str:
        if not self.pairs:
            return "no pairs"
        interval = f"{self.low:+.2f} to {self.high:+.2f}"
        if self.pairs < FEWEST_PAIRS:
            interval = "too few pairs for an interval"
        return f"{self.value:+.2f} ({interval})"


def pooled(differences: Mapping[str, Sequence[float]]) -> Pooled:
    """Pool the differences (in points) of each set; every pair counts the same.

    >>> print(pooled({"a": [1.0, 1.0, 1.0], "b": [1.0, 1.0]}))
    +1.00 (+1.00 to +1.00)
    """
    groups = [np.asarray(values, float) for values in differences.values() if len(values)]
    if not groups:
        return Pooled(float("nan"), float("nan"), float("nan"), 0, 0)
    generator = np.random.default_rng(0)
    means = np.empty(DRAWS)
    for draw in range(DRAWS):
        picked = [groups[at] for at in generator.integers(len(groups), size=len(groups))]
        means[draw] = np.concatenate([generator.choice(one, len(one)) for one in picked]).mean()
    low, high = np.percentile(means, [2.5, 97.5])
    every = np.concatenate(groups)
    return Pooled(float(every.mean()), float(low), float(high), len(every), len(groups))


def differences(
    records: Iterable[timing.Record],
    first: Callable[[timing.Record], bool],
    second: Callable[[timing.Record], bool],
    same: Sequence[str],
    figure: Callable[[timing.Record], float] = lambda record: 100 * record["score"],
) -> dict[str, list[float]]:
    """By set: the second's figure less the first's, where both have one.

    same: the fields that make a pair, `set` among them. Raises AssertionError when a pair was
    measured on other rows.
    """
    with_scores = [record for record in records if record.get("score") is not None]
    known: dict[tuple[Any, ...], timing.Record] = {
        tuple(record[name] for name in same): record for record in with_scores if first(record)
    }
    by_set: dict[str, list[float]] = defaultdict(list)
    for record in filter(second, with_scores):
        other = known.get(tuple(record[name] for name in same))
        if other is not None:
            assert other["rows_fingerprint"] == record["rows_fingerprint"], "other rows"
            by_set[record["set"]].append(figure(record) - figure(other))
    return dict(by_set)
