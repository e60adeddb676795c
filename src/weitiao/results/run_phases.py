"""phases.json: seconds and peak memory of each phase of a run."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from weitiao.run import Run

NAME = "phases"


class PhaseCost(BaseModel):
    """What a phase took. memory_mb: peak resident memory while it ran."""

    seconds: float
    memory_mb: float = 0.0


class RunPhases(BaseModel):
    """The phases of a run that one process took from start to end; empty of any other.

    busy: the proportion of the processors that other programs used meanwhile.
    """

    model_config = ConfigDict(extra="allow")
    phases: dict[str, PhaseCost] = {}
    busy: float | None = None

    @classmethod
    def read(cls, run: Run) -> Self:
        """What a run's phases.json says."""
        return cls.model_validate(run.read(NAME))

    def write(self, run: Run) -> None:
        """Write phases.json."""
        run.write(NAME, self.model_dump())
