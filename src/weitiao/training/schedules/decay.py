"""Learning-rate schedules after warm-up: constant, linear and cosine decay."""

from __future__ import annotations

import math

from pydantic import Field

from weitiao.training.schedules.base import Schedule


class Constant(Schedule):
    """The full rate throughout; with `ema`, or when the length of the run is not known."""

    def factor(self, progress: float) -> float:
        return 1.0


class Linear(Schedule):
    """From the full rate to `floor` of it in a straight line; the default for fine-tuning."""

    floor: float = Field(0.0, ge=0, lt=1, description="of the full rate, at the end")

    def factor(self, progress: float) -> float:
        return self.floor + (1 - self.floor) * (1 - progress)


class Cosine(Schedule):
    """From the full rate to `floor` of it along a cosine (Loshchilov and Hutter 2017): high for
    longer than the straight line, then gentler at the end."""

    floor: float = Field(0.0, ge=0, lt=1, description="of the full rate, at the end")

    def factor(self, progress: float) -> float:
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2
