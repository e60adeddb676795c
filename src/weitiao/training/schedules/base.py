"""Base class of learning-rate schedules; warm-up is done by the training loop."""

from __future__ import annotations

from abc import abstractmethod

from weitiao.parts import Part


class Schedule(Part):
    """A learning-rate schedule: the rate after warm-up."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """The proportion of the highest rate; `progress` is 0 after warm-up and 1 at the end."""
