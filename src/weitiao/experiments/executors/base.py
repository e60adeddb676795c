"""What an executor is: it gets jobs and tells which are done, wherever they are carried out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.parts import Part


@dataclass(frozen=True)
class Job:
    """One cell to carry out: plain values that can be sent anywhere. root: of the store, in which
    whoever carries it out leaves the record."""

    key: str
    root: str
    cell: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """A job that came to an end. died: how, when its process ended without a record."""

    key: str
    died: str = ""


class Executor(Part):
    """Carries jobs out in any order, several at once if it can.

    A record is written by `weitiao.experiments.work.carry_out`, so an executor moves no results. It
    must stop all that it has started when it is closed.
    """

    @abstractmethod
    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        """Carry out all jobs; each is told of when it is done."""
