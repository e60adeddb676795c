"""Tables of expectations: what a plan foretells, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weitiao.cli.terminal import figure, say, show
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.i18n.messages import _, plural

if TYPE_CHECKING:
    from weitiao.api.fitted import Fitted
    from weitiao.planfile.expectation import Estimate, Expectation
    from weitiao.planfile.plan import Plan


def show_expectation(plan: Plan) -> None:
    """Phases with their seconds and memory, and the score; nothing where nothing was measured."""
    from weitiao.hardware.phases import shown
    from weitiao.planfile.expectation import Expectation

    found = Expectation.of(plan)
    if not found:
        return
    head = (_("phase"), _("seconds"), _("80 % interval"), _("memory, MB"))
    rows = [
        [shown(name), *_cells(phase.seconds, 1), f"{phase.memory_mb.value:,.0f}"]
        for name, phase in found.phases.items()
    ]
    if found.total_seconds and found.peak_mb:
        peak = f"{found.peak_mb.value:,.0f}"
        rows.append([_("all phases"), *_cells(found.total_seconds, 1), peak])
    show(_("expected on this machine as it is now"), head, rows)
    for line in _lines(found):
        say(line)


def _cells(estimate: Estimate, digits: int) -> tuple[str, str]:
    low, high = (f"{one:,.{digits}f}" for one in (estimate.low, estimate.high))
    return f"{estimate.value:,.{digits}f}", _("{low} to {high}", low=low, high=high)


def _lines(found: Expectation) -> list[str]:
    """The score and how it was found, in sentences."""
    lines = []
    quality, measured = found.quality, found.measured
    if quality is not None:
        score, more = quality.score, quality.doubled
        lines.append(
            _(
                "expected {metric} on new rows: {value}, in 8 of 10 cases {low} to {high}; a "
                "linear model on the frozen network has {linear}",
                metric=metric_name(quality.metric),
                value=figure(score.value),
                low=figure(score.low),
                high=figure(score.high),
                linear=figure(quality.linear),
            )
        )
        lines.append(
            _(
                "twice the rows: about {value:+.1f} points [{low:.1f}, {high:.1f}]",
                value=100 * more.value,
                low=100 * more.low,
                high=100 * more.high,
            )
        )
    if measured is not None and not measured.runs:
        lines.append(
            _(
                "measured in {seconds:.0f} s, while other programs used {busy:.0%} of the "
                "processors; not corrected: no measured plan has run on this machine",
                seconds=measured.seconds,
                busy=measured.busy,
            )
        )
    elif measured is not None:
        lines.append(
            _(
                "measured in {seconds:.0f} s, while other programs used {busy:.0%} of the "
                "processors; corrected by {runs} on this machine",
                seconds=measured.seconds,
                busy=measured.busy,
                runs=plural(measured.runs, "run"),
            )
        )
    return lines


def show_outcome(fitted: Fitted) -> None:
    """Expected beside actual, after the run of a measured plan."""
    from weitiao.results import expected
    from weitiao.results.records import MetricsRecord
    from weitiao.results.run_phases import RunPhases

    metrics = MetricsRecord.read(fitted.run)
    listed = expected.held(fitted.plan, RunPhases.read(fitted.run), metrics)
    if not listed:
        return
    show(_("Expected and actual"), expected.columns(), expected.rows_of(listed))
    say(expected.summary(listed))
