"""Expected beside actual: what a plan foretold, held against what its run took and reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from weitiao.hardware.phases import NAMES, shown
from weitiao.i18n.messages import _
from weitiao.planfile.expectation import Estimate, Expectation
from weitiao.planfile.plan import Plan
from weitiao.results.format import figure
from weitiao.results.records import MetricsRecord
from weitiao.results.run_phases import RunPhases

WIDTH95, WIDTH80 = 1.96, 1.2816  # standard deviations of a normal interval, either way
LEAST_SECONDS = 0.15  # of a phase; less is shown as 0.0 or 0.1 s, and missed by chance
TOTAL, MEMORY, QUALITY = "total", "memory", "quality"


@dataclass(frozen=True)
class Held:
    """An expectation and its outcome. name: of a phase, or TOTAL, MEMORY, QUALITY; kind: seconds,
    mb, or score."""

    name: str
    kind: str
    expected: Estimate
    actual: float

    @property
    def hit(self) -> bool:
        """Whether the outcome lies in the 80 % interval."""
        return self.expected.holds(self.actual)

    @property
    def above(self) -> bool:
        return self.actual > self.expected.high


def held(plan: Plan, phases: RunPhases, metrics: MetricsRecord) -> list[Held]:
    """Every expectation that has an outcome; none where the plan was not measured, or was changed
    since."""
    expectation = Expectation.of(plan)
    if not expectation.fits(plan) or not phases.phases:
        return []
    took = phases.phases
    listed = [
        Held(name, "seconds", expectation.phases[name].seconds, took[name].seconds)
        for name in NAMES
        if name in expectation.phases and name in took
        if max(expectation.phases[name].seconds.high, took[name].seconds) >= LEAST_SECONDS
    ]
    both = expectation.phases.keys() & took.keys()
    if expectation.total_seconds and both:
        actual = sum(took[name].seconds for name in took)
        listed.append(Held(TOTAL, "seconds", expectation.total_seconds, round(actual, 1)))
    if expectation.peak_mb:
        peak = max(one.memory_mb for one in took.values())
        listed.append(Held(MEMORY, "mb", expectation.peak_mb, peak))
    if found := _quality(expectation, metrics):
        listed.append(found)
    return listed


def _quality(expectation: Expectation, metrics: MetricsRecord) -> Held | None:
    """The score, whose interval is wider by that of the rows that it was evaluated on."""
    quality = expectation.quality
    actual = metrics.metrics.get(quality.metric) if quality else None
    if quality is None or actual is None or math.isnan(actual):
        return None
    low, high = metrics.intervals.get(quality.metric) or (None, None)
    width = 0.0 if low is None or high is None else high - low
    std = width / 2 / WIDTH95 if math.isfinite(width) else 0.0
    return Held(QUALITY, "score", on_rows(quality.score, std), actual)


def on_rows(score: Estimate, std: float) -> Estimate:
    """The interval of a score on finitely many rows. std: of that score."""
    below = math.hypot(score.value - score.low, WIDTH80 * std)
    above = math.hypot(score.high - score.value, WIDTH80 * std)
    return Estimate(score.value, score.value - below, score.value + above)


def rows_of(listed: Sequence[Held]) -> list[list[str]]:
    """Cells of a table: what, expected, 80 % interval, actual, and whether it was hit in words."""
    return [
        [
            _name(one.name),
            _figure(one, one.expected.value),
            _(
                "{low} to {high}",
                low=_figure(one, one.expected.low),
                high=_figure(one, one.expected.high),
            ),
            _figure(one, one.actual),
            verdict(one),
        ]
        for one in listed
    ]


def columns() -> list[str]:
    """The head of the table."""
    return ["", _("expected"), _("80 % interval"), _("actual"), _("result")]


def verdict(one: Held) -> str:
    """Hit or missed, in words."""
    if one.hit:
        return _("as expected")
    words = {
        "seconds": (_("took longer"), _("took less time")),
        "mb": (_("needed more"), _("needed less")),
        "score": (_("better"), _("worse")),
    }
    return words[one.kind][0 if one.above else 1]


def summary(listed: Sequence[Held]) -> str:
    """How many expectations came true, in a sentence."""
    return _(
        "{hits} of {all} expectations came true: the outcome lies in their 80 % interval.",
        hits=sum(one.hit for one in listed),
        all=len(listed),
    )


def _name(name: str) -> str:
    names = {TOTAL: _("all phases"), MEMORY: _("peak memory"), QUALITY: _("score")}
    return names.get(name) or shown(name)


def _figure(one: Held, value: float) -> str:
    if one.kind == "seconds":
        return _("{seconds:.1f} s", seconds=value)
    if one.kind == "mb":
        return f"{value:,.0f} MB"
    return figure(value)
