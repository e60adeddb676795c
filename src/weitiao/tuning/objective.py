"""What a search asks of whoever trains its trials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from weitiao.errors import WeitiaoError
from weitiao.tuning.records import Trial


@dataclass(frozen=True)
class Result:
    """What a training reached: the score so far, epochs, and whether it has ended."""

    score: float
    epochs: float
    seconds: float
    ended: bool


class OutOfTime(Exception):
    """The time of a training is used up; what was trained so far is saved."""


class OverLimit(Exception):
    """A plan costs more than a limit allows."""


class Unreached(Exception):
    """A training could not be carried out, for a reason that says nothing about its plan: a machine
    that died, another process in its folder. What was trained so far is saved."""


Failure = OutOfTime | OverLimit | Unreached | WeitiaoError
Reached = TypeVar("Reached")


class Objective(ABC):
    """Trains trials. A training raises OutOfTime when `until` (of the clock) has come, WeitiaoError
    when the plan cannot be trained, OverLimit when it costs too much, Unreached when neither is
    known."""

    rows: int  # of validation
    bounded: bool  # scores are proportions
    ceiling: float  # the best possible score
    sign: int  # of a score; -1: of a metric whose lower values are better
    at_once: int = 1  # trainings that run at the same time

    @abstractmethod
    def limits(self, trial: Trial) -> None:
        """Raise OverLimit before anything is trained."""

    @abstractmethod
    def reach(self, trial: Trial, epochs: float, until: float) -> Result:
        """Train a trial up to so many epochs, from its last checkpoint if that is there."""

    @abstractmethod
    def fresh(self, trial: Trial, seed: int, until: float) -> tuple[float, float]:
        """Score and seconds of a whole training with a seed that the search did not use."""

    @abstractmethod
    def forget(self, trials: Sequence[Trial]) -> None:
        """Remove checkpoints of all trials but these."""

    def reach_all(
        self, steps: Sequence[tuple[Trial, float]], until: float
    ) -> Iterator[Result | Failure]:
        """`reach` of several trials, in their order; what a training raises stands in its place."""
        for trial, epochs in steps:
            yield attempted(lambda: self.reach(trial, epochs, until))  # noqa: B023

    def fresh_all(
        self, pairs: Sequence[tuple[Trial, int]], until: float
    ) -> Iterator[tuple[float, float] | Failure]:
        """`fresh` of several trials and seeds, likewise."""
        for trial, seed in pairs:
            yield attempted(lambda: self.fresh(trial, seed, until))  # noqa: B023


def attempted(training: Callable[[], Reached]) -> Reached | Failure:
    """What a training gives, or what it raises of the failures that are its own."""
    try:
        return training()
    except (OutOfTime, OverLimit, Unreached, WeitiaoError) as error:
        return error
