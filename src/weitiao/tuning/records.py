"""Records of a search: trials with their scores at each rung, and what is decided from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

PAUSED, DONE, FAILED, OVER = "paused", "done", "failed", "over"


@dataclass(frozen=True)
class Reached:
    """A rung that a trial reached. score: the best one so far, higher is better; order: place of
    this result among all of the search."""

    level: int
    epochs: float
    score: float
    seconds: float
    order: int = 0


@dataclass(frozen=True)
class Trial:
    """A trial: values of the plan, and what came of them. Number 0 is the plan as it stands.

    state: paused at its last rung, done (trained to its end), failed, or over a limit.
    """

    number: int
    params: dict[str, Any]  # {} of a plan that lies outside the space
    values: dict[str, Any]
    epochs: float
    reached: tuple[Reached, ...] = ()
    state: str = PAUSED
    reason: str = ""

    @property
    def level(self) -> int:
        """The highest rung reached; -1: none."""
        return self.reached[-1].level if self.reached else -1

    @property
    def score(self) -> float:
        """The best score so far."""
        return self.reached[-1].score if self.reached else -math.inf

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.reached)

    def at(self, level: int) -> Reached | None:
        """The result at a rung. What is trained to its end has that score at every later one."""
        for one in self.reached:
            if one.level == level:
                return one
        last = self.reached[-1] if self.reached else None
        return last if last and self.state == DONE and last.level < level else None

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Trial:
        """The trial that `plain` wrote."""
        return cls(**{**raw, "reached": tuple(Reached(**one) for one in raw["reached"])})


@dataclass(frozen=True)
class FreshSeed:
    """A training of a candidate with a seed that the search did not use. trial 0: the plan."""

    trial: int
    seed: int
    score: float
    seconds: float


@dataclass
class History:
    """All that a search has done."""

    trials: list[Trial] = field(default_factory=list)
    fresh: list[FreshSeed] = field(default_factory=list)
    seconds: float = 0.0  # used before this session

    def ranked(self) -> list[Trial]:
        """Trials that may win, the best score first; of equal ones that of the higher rung."""
        valid = [one for one in self.trials if one.state in (PAUSED, DONE) and one.reached]
        return sorted(valid, key=lambda one: (-one.score, -one.level, one.number))

    def scores_of(self, trial: int) -> list[float]:
        """Scores of a trial with fresh seeds."""
        return [one.score for one in self.fresh if one.trial == trial]

    def next_order(self) -> int:
        return sum(len(one.reached) for one in self.trials)


def by_order(trials: Sequence[Trial]) -> list[tuple[Trial, Reached]]:
    """Results in the order in which they came."""
    pairs = [(one, reached) for one in trials for reached in one.reached]
    return sorted(pairs, key=lambda pair: pair[1].order)
