"""Learning-rate schedules after warm-up: constant, linear and cosine decay."""

from __future__ import annotations

import math

from pydantic import Field

from weitiao.training.schedules.base import Schedule


class Constant(Schedule):
    """Constant learning rate after warm-up; with `ema`, or when the length of the run is not
    known."""

    def factor(self, progress: float) -> float:
        return 1.0


class Linear(Schedule):
    """Linear decay from the full rate to `floor` of it; the default for fine-tuning."""

    floor: float = Field(0.0, ge=0, lt=1, description="of the full rate, at the end")

    def factor(self, progress: float) -> float:
        return self.floor + (1 - self.floor) * (1 - progress)


class Cosine(Schedule):
    """Cosine decay from the full rate to `floor` of it (Loshchilov and Hutter 2017): high for
    longer than linear decay, then gentler at the end."""

    floor: float = Field(0.0, ge=0, lt=1, description="of the full rate, at the end")

    def factor(self, progress: float) -> float:
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2
