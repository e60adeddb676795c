"""What a plan expects of its run: seconds and peak memory of each phase, and the score, as
intervals. It is the section `expect` of plan.yaml once `weitiao plan --measure` has measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from weitiao.core import fingerprint

LEVEL = 0.8  # of all intervals here: the outcome lies inside in 8 of 10 cases
# Sections and settings that change neither the time of a run nor, in expectation, its score.
WITHOUT = {
    "why": True,
    "expect": True,
    "acceptance": True,
    "tune": True,
    "train": {"seed", "save_seconds"},
}


class Estimate(NamedTuple):
    """An estimate with its 80 % prediction interval; in YAML [value, low, high]."""

    value: float
    low: float
    high: float

    def holds(self, actual: float) -> bool:
        """Whether the outcome lies in the interval."""
        return self.low <= actual <= self.high

    def rounded(self, digits: int | None) -> Estimate:
        return Estimate(*(round(one, digits) for one in self))


class PhaseEstimate(BaseModel):
    """Seconds and peak memory of a phase. raw, raw_mb: before the history corrected them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    seconds: Estimate
    memory_mb: Estimate
    raw: float
    raw_mb: float


class QualityEstimate(BaseModel):
    """The primary metric on new rows, of any number.

    linear: cross-validated, of a linear model on the frozen features. rows: training rows that the
    estimate is for. doubled: what twice the rows would add, in the metric. curve: (rows, score) of
    the linear model.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    metric: str
    score: Estimate
    linear: float
    rows: int
    doubled: Estimate
    curve: list[tuple[int, float]] = []


class Measured(BaseModel):
    """How an expectation was measured. plan: digest of the plan that it belongs to; busy: the
    proportion of the processors that other programs used; seconds: what measuring took; runs:
    earlier runs that corrected the estimates."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    plan: str
    busy: float
    seconds: float
    runs: int = 0
    machine: str = ""
    family: str = ""


class Expectation(BaseModel):
    """The measured part of `expect`; empty where nothing was measured."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    phases: dict[str, PhaseEstimate] = {}
    total_seconds: Estimate | None = None
    peak_mb: Estimate | None = None
    quality: QualityEstimate | None = None
    measured: Measured | None = None

    def __bool__(self) -> bool:
        return self.measured is not None

    @classmethod
    def of(cls, plan: Any) -> Self:
        """What a plan expects; empty where nothing was measured, or what stands there is no
        expectation."""
        if "measured" not in plan.expect:
            return cls()
        try:
            return cls.model_validate(plan.expect)
        except ValidationError:
            return cls()

    def fits(self, plan: Any) -> bool:
        """Whether the plan is the one that was measured."""
        return self.measured is not None and self.measured.plan == digest(plan)

    def plain(self) -> dict[str, Any]:
        """Plain values, for the plan."""
        found: Mapping[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return dict(found)


def digest(plan: Any) -> str:
    """A hash of all settings of a plan that its time and its score depend on."""
    shown = plan.model_dump(exclude=WITHOUT, mode="json")
    return fingerprint.of_text(json.dumps(shown, sort_keys=True))
