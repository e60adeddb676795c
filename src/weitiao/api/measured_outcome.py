"""The outcome of a measured plan, as the history keeps it: ratios of actual to predicted."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from weitiao.planfile.expectation import Expectation
from weitiao.planfile.plan import Plan
from weitiao.planning.history import PastRun
from weitiao.results.records import MetricsRecord
from weitiao.results.run_phases import RunPhases

LEAST_SECONDS = 0.5  # of a phase whose ratio says something
LEAST_ROWS = 100  # evaluated, for a gain that is more than the noise of few rows
LEAST_ERROR = 0.002


def past_run(plan: Plan, took: RunPhases, metrics: MetricsRecord, updates: int) -> PastRun | None:
    """A line of the history; None where the plan was not measured, or was changed since. updates:
    of the training."""
    expectation = Expectation.of(plan)
    about = expectation.measured
    if about is None or not expectation.fits(plan) or not took.phases:
        return None
    seconds = {
        name: round(took.phases[name].seconds / phase.raw, 4)
        for name, phase in expectation.phases.items()
        if name in took.phases and phase.raw >= LEAST_SECONDS
    }
    peak = max(one.memory_mb for one in took.phases.values())
    expected_peak = max(one.raw_mb for one in expectation.phases.values())
    return PastRun(
        machine=about.machine,
        family=about.family,
        at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M}",
        seconds=seconds,
        memory=round(peak / expected_peak, 4) if expected_peak and peak else None,
        busy=took.busy or 0.0,
        gain=_gain(expectation, metrics),
        updates=updates,
    )


def _gain(expectation: Expectation, metrics: MetricsRecord) -> float | None:
    quality = expectation.quality
    if quality is None or metrics.rows < LEAST_ROWS:
        return None
    actual = metrics.metrics.get(quality.metric)
    if actual is None or math.isnan(actual):
        return None
    return math.log(max(1 - actual, LEAST_ERROR) / max(1 - quality.linear, LEAST_ERROR))
