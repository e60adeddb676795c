"""Executor interface: run jobs somewhere and yield each as it finishes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.parts import Part


@dataclass(frozen=True)
class Job:
    """A cell to run, as plain values that can be sent anywhere. root: the store's folder."""

    key: str
    root: str
    cell: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """A job that has ended. died: the reason, when its process ended without a record."""

    key: str
    died: str = ""


class Executor(Part):
    """Runs jobs in any order, several at once if it can.

    `weitiao.experiments.work.run_cell` writes the record, so an executor transfers no results. It
    must stop everything it has started when its iterator is closed.
    """

    @abstractmethod
    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        """Run all jobs; yields each as it finishes."""
