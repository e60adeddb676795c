"""Queue of rows: which row an annotator gets next, by arm, double labelling and gold rows.

The random arm is a fixed random sample of the rows, which no order ever chooses from: its rows are
validation and test rows that stay honest. A row belongs to it by a hash of its texts, so that it
stays there when rows are added or moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from weitiao.annotation.standing import CHOSEN, GOLD, RANDOM, Standing


@dataclass(frozen=True)
class Shares:
    """Proportions of the rows: of the random arm, of those that two annotators label, of gold rows
    among an annotator's, of pre-labels that are hidden."""

    random: float = 0.2
    double: float = 0.1
    gold: float = 0.05
    hidden: float = 0.2

    def plain(self) -> dict[str, float]:
        return {
            "random": self.random,
            "double": self.double,
            "gold": self.gold,
            "hidden": self.hidden,
        }


class Queue:
    """The rows in the order they are shown.

    positions: the rows that may be shown; gold: those with a known answer. `order` is replaced
    whenever the rows are ranked again.
    """

    def __init__(
        self,
        positions: np.ndarray,
        prints: Sequence[str],
        gold: Sequence[int],
        shares: Shares,
        seed: int,
    ) -> None:
        self.seed, self.shares, self.prints = seed, shares, prints
        known = np.array(sorted(gold), np.int64)
        self.gold = [int(at) for at in self._shuffled(known)]
        free = self._shuffled(np.setdiff1d(positions, known))
        reserved = np.array([self._draw("arm", at) < shares.random for at in free], bool)
        self.reserved, self.candidates = free[reserved], free[~reserved]
        self._honest = set(self.reserved.tolist())
        self.order = self.candidates
        self._size = int(positions.max()) + 1

    def _shuffled(self, positions: np.ndarray) -> np.ndarray:
        keys = [self._draw("order", at) for at in positions]
        return positions[np.argsort(keys, kind="stable")]

    def _draw(self, word: str, position: int) -> float:
        """A number in [0, 1) that depends on the seed, the word and the row's texts alone."""
        content = f"{self.seed} {word} {self.prints[position]}".encode()
        return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") / 2**64

    def is_honest(self, position: int) -> bool:
        """Whether a row belongs to the random arm."""
        return position in self._honest

    def part(self, position: int) -> str:
        """Of a row of the random arm: validation or test, half each."""
        return "validation" if self._draw("part", position) < 0.5 else "test"

    def hides(self, position: int) -> bool:
        """Whether the pre-label of a row is hidden: the same at every look."""
        return self._draw("hidden", position) < self.shares.hidden

    def wants_two(self, position: int) -> bool:
        """Whether a row is to be labelled by two annotators."""
        return self._draw("double", position) < self.shares.double

    def next(
        self, annotator: str, standing: Standing, leased: Mapping[int, str]
    ) -> tuple[int, str] | None:
        """The next row of an annotator and its arm, or None. leased: position -> who has it."""
        taken = np.zeros(self._size, bool)
        taken[list(standing.answers)] = True
        taken[[at for at, who in leased.items() if who != annotator]] = True
        skipped = standing.skipped.get(annotator, set())
        for at in standing.reopened.get(annotator, ()):
            return at, standing.arms[at]
        mine = {at for at, answers in standing.answers.items() if annotator in answers} | skipped
        gold = self._gold(annotator, standing, mine)
        if gold is not None:
            return gold, GOLD
        second = self._second(mine, standing, leased, annotator)
        if second is not None:
            return second, standing.arms[second]
        taken[list(skipped)] = True
        counts = dict.fromkeys((RANDOM, CHOSEN), 0)
        for arm in standing.arms.values():
            counts[arm] = counts.get(arm, 0) + 1
        behind = counts[RANDOM] <= self.shares.random * (counts[RANDOM] + counts[CHOSEN])
        arms = [(self.reserved, RANDOM), (self.order, CHOSEN)]
        if not (behind and self.shares.random):
            arms.reverse()
        for rows, arm in arms:
            free = rows[~taken[rows]]
            if len(free):
                return int(free[0]), arm
        return None

    def _gold(self, annotator: str, standing: Standing, mine: set[int]) -> int | None:
        if not self.gold or not self.shares.gold:
            return None
        left = [at for at in self.gold if at not in mine]
        done = len(self.gold) - len(left)
        return left[0] if left and done <= self.shares.gold * len(mine) else None

    def _second(
        self, mine: set[int], standing: Standing, leased: Mapping[int, str], annotator: str
    ) -> int | None:
        for at in standing.order:
            if at in mine or len(standing.answers[at]) != 1 or at in self.gold:
                continue
            if leased.get(at, annotator) == annotator and self.wants_two(at):
                return at
        return None

    def left(self, standing: Standing) -> int:
        """Rows that nobody has labelled yet."""
        every = len(self.reserved) + len(self.candidates)
        gold = set(self.gold)  # whatever arm a row was shown in, before its label was known
        return every - sum(at not in gold for at in standing.arms)
