"""Base class of learning-rate schedules; warm-up is the loop's."""

from __future__ import annotations

from abc import abstractmethod

from weitiao.parts import Part


class Schedule(Part):
    """How the rate moves once it is warm."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """The share of the highest rate, while `progress` goes from 0 (warm) to 1 (the end)."""
