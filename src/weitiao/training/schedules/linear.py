"""Down in a straight line."""

from __future__ import annotations

from pydantic import Field

from weitiao.training.schedules.base import Schedule


class Linear(Schedule):
    """From the full rate to `floor` of it in a straight line; the default for fine-tuning."""

    floor: float = Field(0.0, ge=0, lt=1, description="of the full rate, at the end")

    def factor(self, progress: float) -> float:
        return self.floor + (1 - self.floor) * (1 - progress)
