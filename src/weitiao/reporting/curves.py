"""Training curves: loss, validation metric and learning rate, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.i18n.messages import _, plural
from weitiao.reporting.render import Plot, Plots, Section, Table, Words, thinned
from weitiao.results.format import figure, metric
from weitiao.results.run_data import Material
from weitiao.run import LogLine

MAX_POINTS = 300  # of a curve; more cannot be seen apart
SMOOTHING = 0.08  # proportion of the steps that one point of the smooth line is the mean of

Steps = Sequence[tuple[int, float]]


def curves_section(material: Material) -> Section:
    """The three curves."""
    losses = [(line.step, line.loss) for line in material.log if line.loss is not None]
    rates = [
        (line.step, line.learning_rate or 0.0) for line in material.log if line.loss is not None
    ]
    validated = [line for line in material.log if line.validation]
    primary = _logged(validated, material.primary)
    plots = []
    if len(losses) > 1:  # a point is no curve
        plots.append(_loss(losses))
    if len(validated) > 1 and material.primary:
        plots.append(_validation(validated, primary))
    if len({rate for _step, rate in rates}) > 1:
        plots.append(_rate(rates))
    blocks: list[Any] = [Plots(plots, narrow=True)] if plots else []
    if not losses:
        blocks.append(Words(_("No training step was run."), "note"))
    if len(validated) == 1 and material.primary:
        blocks.append(Words(_validation(validated, primary).about, "note"))
    replanned = [line for line in material.log if line.event == "replan"]
    if replanned:
        message = _(
            "The time budget changed the planned number of steps {times}, at last to {total}.",
            times=plural(len(replanned), "time"),
            total=f"{replanned[-1].total or 0:,}",
        )
        blocks.append(Words(message, "note"))
    return Section("learning", _("Training"), blocks)


def _logged(lines: Sequence[LogLine], primary: str) -> str:
    """The metric that validation logged: the first one, or the loss, which picks the best model
    where the answers are texts."""
    names = (lines[-1].validation or {}) if lines else {}
    return primary if primary in names else next(iter(names), primary)


def _loss(points: Steps) -> Plot:
    smooth = smoothed([value for _, value in points])
    steps = [step for step, _ in points]
    names = _("each step"), _("smoothed")
    plain, mean = _short(means(points)), _short(means(list(zip(steps, smooth, strict=True))))
    series: list[dict[str, Any]] = [
        {"name": names[0], "points": plain, "faint": True},
        {"name": names[1], "points": mean},
    ]
    if plain == mean:  # too few steps to be smoothed
        series = [{"name": names[0], "points": plain}]
    drawing = {"kind": "lines", "x": _("step"), "y": _("loss"), "series": series}
    rows = [
        [f"{step:,}", figure(value), figure(around)]
        for (step, value), around in zip(points, smooth, strict=True)
    ]
    about = _(
        "Training loss from {first} to {last} in {count} steps.",
        first=figure(smooth[0]),
        last=figure(smooth[-1]),
        count=f"{len(points):,}",
    )
    return _plot("loss", _("Training loss"), about, drawing, [_("step"), *names], rows)


def _validation(lines: Sequence[LogLine], primary: str) -> Plot:
    points = [
        (line.step, float("nan") if value is None else value)
        for line in lines
        for name, value in (line.validation or {}).items()
        if name == primary
    ]
    best = [line.step for line in lines if line.best][-1:]
    drawing: dict[str, Any] = {
        "kind": "lines",
        "x": _("step"),
        "y": metric(primary),
        "series": [{"name": metric(primary), "points": _short(points), "dots": True}],
    }
    values = dict(points)
    about = _("{metric} on validation.", metric=metric(primary))
    if best and best[0] in values:
        drawing["mark"] = {"x": best[0], "text": _("saved")}
        about = _(
            "{metric} on validation; the checkpoint of step {step} was saved, with {value}.",
            metric=metric(primary),
            step=f"{best[0]:,}",
            value=figure(values[best[0]]),
        )
    rows = [
        [f"{step:,}", figure(value), _("saved") if [step] == best else ""] for step, value in points
    ]
    head = [_("step"), metric(primary), ""]
    return _plot("validation", _("Validation"), about, drawing, head, rows)


def _rate(points: Steps) -> Plot:
    drawing = {
        "kind": "lines",
        "x": _("step"),
        "y": _("learning rate"),
        "series": [{"name": _("learning rate"), "points": _short(thinned(points, MAX_POINTS))}],
    }
    highest = max(value for _, value in points)
    about = _("The learning rate, at most {highest}.", highest=f"{highest:.2g}")
    rows = [[f"{step:,}", f"{value:.3g}"] for step, value in points]
    head = [_("step"), _("learning rate")]
    return _plot("rate", _("Learning rate"), about, drawing, head, rows)


def _plot(
    name: str, title: str, about: str, drawing: dict[str, Any], head: list[str], rows: list[Any]
) -> Plot:
    numeric = [column for column in range(len(head)) if head[column]]
    return Plot(name, title, about, drawing, Table(title, head, thinned(rows), numeric, True))


def smoothed(values: Sequence[float]) -> list[float]:
    """Centred moving average, over fewer neighbours at the ends.

    >>> smoothed([1.0, 2.0, 3.0])
    [1.0, 2.0, 3.0]
    """
    reach = int(len(values) * SMOOTHING / 2)
    # Prefix sums: the mean of any window is one subtraction.
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    around = np.minimum(reach, np.minimum(at, len(values) - 1 - at))
    with np.errstate(invalid="ignore"):  # a loss of NaN or infinity
        averages = (sums[at + around + 1] - sums[at - around]) / (2 * around + 1)
    return [float(value) for value in averages]


def means(points: Steps) -> list[tuple[int, float]]:
    """At most MAX_POINTS points, each the mean of its neighbours."""
    if len(points) <= MAX_POINTS:
        return list(points)
    pieces = np.array_split(np.arange(len(points)), MAX_POINTS)
    return [
        (points[int(piece[len(piece) // 2])][0], float(np.mean([points[i][1] for i in piece])))
        for piece in pieces
    ]


def _short(points: Steps) -> list[list[float]]:
    """Four digits are more than a screen shows."""
    return [[step, float(f"{value:.4g}")] for step, value in points]
