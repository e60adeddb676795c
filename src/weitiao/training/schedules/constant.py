"""The same rate to the end."""

from __future__ import annotations

from weitiao.training.schedules.base import Schedule


class Constant(Schedule):
    """The full rate throughout; with `ema`, or when the length of the run is not known."""

    def factor(self, progress: float) -> float:
        return 1.0
