"""How it learned: loss, validation and learning rate, update by update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weitiao.i18n.messages import _, plural
from weitiao.reporting.blocks import Plot, Plots, Section, Table, Words, thinned
from weitiao.results.format import figure, metric
from weitiao.results.run_data import Material

MOST_POINTS = 300  # of a curve; more cannot be told apart
SMOOTH = 0.08  # share of the updates that one point of the smooth line is the mean of

Steps = Sequence[tuple[int, float]]


def learning(material: Material) -> Section:
    """The three curves."""
    updates = [line for line in material.log if "loss" in line]
    judged = [line for line in material.log if line.get("validation")]
    plots = []
    if updates:
        plots.append(_loss([(line["step"], line["loss"]) for line in updates]))
    if judged and material.primary:
        plots.append(_validation(judged, material.primary))
    if updates:
        plots.append(_rate([(line["step"], line["learning_rate"]) for line in updates]))
    blocks: list[Any] = [Plots(plots, narrow=True)] if plots else []
    if not plots:
        blocks.append(Words(_("No update has been made."), "note"))
    changed = [line for line in material.log if line.get("event") == "replan"]
    if changed:
        told = _(
            "The time budget changed the planned number of updates {times}, at last to {total}.",
            times=plural(len(changed), "time"),
            total=f"{int(changed[-1]['total']):,}",
        )
        blocks.append(Words(told, "note"))
    return Section("learning", _("How it learned"), blocks)


def _loss(points: Steps) -> Plot:
    smooth = smoothed([value for _, value in points])
    steps = [step for step, _ in points]
    names = _("each update"), _("smoothed")
    series: list[dict[str, Any]] = [
        {"name": names[0], "points": _plain(means(points)), "faint": True},
        {"name": names[1], "points": _plain(means(list(zip(steps, smooth, strict=True))))},
    ]
    if series[0]["points"] == series[1]["points"]:  # too few updates to be smoothed
        series = [{"name": names[0], "points": series[0]["points"]}]
    drawing = {"kind": "lines", "x": _("update"), "y": _("loss"), "series": series}
    rows = [[f"{step:,}", figure(value), figure(mean)]
            for (step, value), mean in zip(points, smooth, strict=True)]  # fmt: skip
    about = _(
        "Training loss from {first} to {last} in {count} updates.",
        first=figure(smooth[0]),
        last=figure(smooth[-1]),
        count=f"{len(points):,}",
    )
    head = [_("update"), *names]
    return _plot("loss", _("Training loss"), about, drawing, head, rows)


def _validation(judged: Sequence[Mapping[str, Any]], primary: str) -> Plot:
    points = [
        (int(line["step"]), float(line["validation"][primary]))
        for line in judged
        if primary in line["validation"]
    ]
    best = [int(line["step"]) for line in judged if line.get("best")][-1:]
    drawing: dict[str, Any] = {
        "kind": "lines",
        "x": _("update"),
        "y": metric(primary),
        "series": [{"name": metric(primary), "points": _plain(points), "dots": True}],
    }
    values = dict(points)
    about = _("{metric} on validation.", metric=metric(primary))
    if best and best[0] in values:
        drawing["mark"] = {"x": best[0], "text": _("kept")}
        about = _(
            "{metric} on validation; the weights of update {step} were kept, with {value}.",
            metric=metric(primary),
            step=f"{best[0]:,}",
            value=figure(values[best[0]]),
        )
    rows = [[f"{step:,}", figure(value), _("kept") if [step] == best else ""]
            for step, value in points]  # fmt: skip
    head = [_("update"), metric(primary), ""]
    return _plot("validation", _("Validation"), about, drawing, head, rows)


def _rate(points: Steps) -> Plot:
    drawing = {
        "kind": "lines",
        "x": _("update"),
        "y": _("learning rate"),
        "series": [{"name": _("learning rate"), "points": _plain(thinned(points, MOST_POINTS))}],
    }
    highest = max(value for _, value in points)
    about = _("The learning rate, at most {highest}.", highest=f"{highest:.2g}")
    rows = [[f"{step:,}", f"{value:.3g}"] for step, value in points]
    head = [_("update"), _("learning rate")]
    return _plot("rate", _("Learning rate"), about, drawing, head, rows)


def _plot(
    name: str, title: str, about: str, drawing: dict[str, Any], head: list[str], rows: list[Any]
) -> Plot:
    columns = range(len(head))
    figures = Table(title, head, thinned(rows), [c for c in columns if head[c]], folded=True)
    return Plot(name, title, about, drawing, figures)


def smoothed(values: Sequence[float]) -> list[float]:
    """The mean over neighbours on both sides, fewer at the ends.

    >>> smoothed([1.0, 2.0, 3.0])
    [1.0, 2.0, 3.0]
    """
    reach = int(len(values) * SMOOTH / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    around = np.minimum(reach, np.minimum(at, len(values) - 1 - at))
    found = (sums[at + around + 1] - sums[at - around]) / (2 * around + 1)
    return [float(value) for value in found]


def means(points: Steps) -> list[tuple[int, float]]:
    """At most so many points as can be seen, each the mean of its neighbours."""
    if len(points) <= MOST_POINTS:
        return list(points)
    pieces = np.array_split(np.arange(len(points)), MOST_POINTS)
    return [
        (points[int(piece[len(piece) // 2])][0], float(np.mean([points[i][1] for i in piece])))
        for piece in pieces
    ]


def _plain(points: Steps) -> list[list[float]]:
    """Short numbers: four digits are more than a screen shows."""
    return [[step, float(f"{value:.4g}")] for step, value in points]
