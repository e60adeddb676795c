"""Rungs of epochs: asynchronous successive halving whose top rung rises only while ranks change.

PASHA (Bohdal et al. 2023, "PASHA: Efficient HPO and NAS with Progressive Resource Allocation"): a
third of the trials of a rung is promoted to the next. The top rung rises where the order of the
trials there differs from their order one rung below by more than noise. All decisions are functions
of the results in their order, so that a resumed search decides as the killed one would have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from weitiao.tuning.records import DONE, PAUSED, Reached, Trial, by_order

ETA = 3  # of so many trials of a rung one is promoted
SLACK = 1e-6


@dataclass(frozen=True)
class Rungs:
    """Levels of a search in epochs, ascending; the last is the whole training."""

    levels: tuple[float, ...]

    @classmethod
    def up_to(cls, epochs: float) -> Rungs:
        """At most three rungs, each three times the one below; the lowest about an epoch.

        >>> Rungs.up_to(3).levels, Rungs.up_to(9).levels, Rungs.up_to(0.9).levels
        ((1.0, 3.0), (1.0, 3.0, 9.0), (0.3, 0.9))
        """
        levels = [max(epochs / ETA**2, min(1.0, epochs / ETA))]
        while levels[-1] * ETA < epochs * (1 - SLACK):
            levels.append(levels[-1] * ETA)
        return cls(
            (*(round(one, 6) for one in levels if one < epochs * (1 - SLACK)), float(epochs))
        )

    def top(self, trials: Sequence[Trial], noise: float) -> int:
        """The top rung by now, at first the second; noise: a difference of scores that says
        nothing."""
        top, seen = min(1, len(self.levels) - 1), list[Trial]()
        for trial, reached in by_order(trials):
            seen = [one for one in seen if one.number != trial.number]
            # The trial as it was when this result came.
            until = tuple(one for one in trial.reached if one.order <= reached.order)
            state = trial.state if len(until) == len(trial.reached) else PAUSED
            seen.append(replace(trial, reached=until, state=state))
            if reached.level == top < len(self.levels) - 1 and not stable(seen, top, noise):
                top += 1
        return top

    def promoted(
        self, trials: Sequence[Trial], top: int, picked: Collection[int] = ()
    ) -> Trial | None:
        """The trial that goes on to its next rung: of the highest rung below `top` where one of the
        best third stands paused; None for a new trial. picked: numbers of trials that go on."""
        for level in range(top - 1, -1, -1):
            there = [one for one in trials if one.at(level) and one.state in (PAUSED, DONE)]
            best = sorted(there, key=lambda one: (-_score(one, level), one.number))
            for one in best[: len(there) // ETA]:
                if one.state == PAUSED and one.level == level and one.number not in picked:
                    return one
        return None


def stable(trials: Sequence[Trial], level: int, noise: float) -> bool:
    """Whether trials stand at a rung in the order of the rung below, but for differences within
    noise (soft ranking). One trial alone has no order: it is stable."""
    both = [one for one in trials if one.at(level) and one.at(level - 1)]
    below = sorted(both, key=lambda one: (-_score(one, level - 1), one.number))
    above = sorted(both, key=lambda one: (-_score(one, level), one.number))
    return all(
        abs(_score(high, level - 1) - _score(low, level - 1)) <= noise
        for high, low in zip(above, below, strict=True)
    )


def _score(trial: Trial, level: int) -> float:
    reached: Reached | None = trial.at(level)
    assert reached is not None, "it was selected for having reached the level"
    return reached.score
