"""What it gets wrong as plots: confusions, how sure it is when right and when wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from itertools import pairwise
from typing import Any

import numpy as np

from weitiao.core.sanitize import shortened, visible
from weitiao.i18n.messages import _
from weitiao.reporting.blocks import Plot, Plots, Table
from weitiao.reporting.labels import Label, confusions, most_confused, unit_of
from weitiao.reporting.passages import coverage_plot
from weitiao.results.answers import Kept
from weitiao.results.format import number, round_edges, short_label
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.passages import Passages

WHOLE = 20  # labels whose matrix is shown whole; of more, the most confused
MOST_PAIRS = 40  # confusions in the table
BINS = 20
POINTS = 1200  # drawn one by one; more rows are counted in squares
SQUARES = 30
LONGEST = 40  # characters of a label in a plot


def plots_of(kept: Kept, labels: list[Label]) -> Plots:
    """The plots for the class of answers."""
    return _plots(kept.judged, kept, labels)


@singledispatch
def _plots(judged: Answers, kept: Kept, labels: list[Label]) -> Plots:
    if judged.numeric:
        return Plots([_scatter(judged), _errors(judged)])
    first = [_found(labels, unit_of(judged))] if labels else []
    if kept.sure.min() == kept.sure.max():  # a single bar says nothing
        return Plots(first)
    return Plots([*first, _certainty(kept)])


@_plots.register
def _of_labels(judged: Labels, kept: Kept, labels: list[Label]) -> Plots:
    first = _matrix(judged)
    if kept.sure.min() == kept.sure.max():
        return Plots([first])
    return Plots([first, replace(_certainty(kept), wide=first.wide)])


@_plots.register
def _of_passages(judged: Passages, kept: Kept, labels: list[Label]) -> Plots:
    return Plots([_certainty(kept), coverage_plot(kept)])


def _matrix(judged: Labels) -> Plot:
    shown = (
        list(range(len(judged.labels)))
        if len(judged.labels) <= WHOLE
        else most_confused(judged, WHOLE)
    )
    place = {label: at for at, label in enumerate(shown)}
    pairs = confusions(judged)
    names = [name_of(judged.labels[label]) for label in shown]
    drawing = {
        "kind": "matrix",
        "names": names,
        "x": _("answer"),
        "y": _("truth"),
        "rows": _("rows"),
        "cells": [
            [place[one.answer], place[one.truth], one.rows]
            for one in pairs
            if one.answer in place and one.truth in place
        ],
    }
    wrong = [one for one in pairs if one.truth != one.answer]
    told = (
        _("Rows by truth and answer; what is off the diagonal is wrong.")
        if len(shown) == len(judged.labels)
        else _(
            "Rows by truth and answer, for the {count} of {all} labels that are confused most.",
            count=len(shown),
            all=len(judged.labels),
        )
    )
    rows = [[short_label(judged.labels[one.truth]), short_label(judged.labels[one.answer]),
             f"{one.rows:,}"]
            for one in wrong[:MOST_PAIRS]]  # fmt: skip
    caption = _("The most frequent confusions")
    figures = Table(caption, [_("truth"), _("answer"), _("rows")], rows, [2], folded=True)
    wide = len(shown) > 8
    return Plot("confusion", _("Confusion matrix"), told, drawing, figures, wide)


def _found(labels: list[Label], unit: str) -> Plot:
    """Of several labels: found, missed and wrongly given, label by label."""
    most = sorted(labels, key=lambda label: -(label.rows + label.given - 2 * label.right))[:WHOLE]
    parts = {
        _("found"): [label.right for label in most],
        _("missed"): [label.rows - label.right for label in most],
        _("wrongly given"): [label.given - label.right for label in most],
    }
    drawing = {
        "kind": "bars",
        "categories": [name_of(label.name) for label in most],
        "x": unit,
        "y": "",
        "stacked": True,
        "flat": True,
        "series": [{"name": name, "values": values} for name, values in parts.items()],
    }
    rows = [
        [short_label(label.name), *(f"{v[i]:,}" for v in parts.values())]
        for i, label in enumerate(most)
    ]
    told = _("How often each label was found, missed and wrongly given; most mistakes first.")
    title = _("Labels found and missed")
    figures = Table(title, [_("label"), *parts], rows, [1, 2, 3], folded=True)
    return Plot("found", title, told, drawing, figures)


def _certainty(kept: Kept) -> Plot:
    """How sure it was, of right and of wrong rows."""
    judged = kept.judged
    right = judged.right()
    edges = round_edges(float(kept.sure.min()), float(kept.sure.max()))
    parts = {
        _("right"): np.histogram(kept.sure[right], edges)[0],
        _("wrong"): np.histogram(kept.sure[~right], edges)[0],
    }
    names = [number(float(edge)) for edge in edges[:-1]]
    if right.all() or not right.any():
        told = _("Half of the answers have a score above {middle}.", middle=_middle(kept.sure))
    else:
        told = _(
            "Right answers have a score of {right} in the middle, wrong ones {wrong}.",
            right=_middle(kept.sure[right]),
            wrong=_middle(kept.sure[~right]),
        )
    title = _("How sure it is")
    return _histogram("certainty", title, told, names, parts, _("score of the answer"))


def _scatter(judged: Answers) -> Plot:
    truth, given = judged.targets, judged.values
    low, high = float(min(truth.min(), given.min())), float(max(truth.max(), given.max()))
    high = high if high > low else low + 1.0
    drawing: dict[str, Any] = {"x": _("truth"), "y": _("answer"), "rows": _("rows")}
    if len(truth) <= POINTS:
        drawing |= {
            "kind": "points",
            "ends": round_edges(low, high, 10)[[0, -1]].tolist(),
            "points": [[float(f"{t:.4g}"), float(f"{g:.4g}")]
                       for t, g in zip(truth, given, strict=True)],
        }  # fmt: skip
    else:
        edges = round_edges(low, high, SQUARES)
        counts = np.histogram2d(truth, given, (edges, edges))[0].astype(int)
        drawing |= {
            "kind": "density",
            "names": [number(float(edge)) for edge in edges[:-1]],
            "cells": [[int(x), int(y), int(counts[x, y])] for x, y in np.argwhere(counts)],
        }
    rows, told = _by_truth(truth, given), _("Each row's answer against its truth; on the line "
                                               "both are the same.")  # fmt: skip
    title = _("Answer against truth")
    head = [_("truth"), _("rows"), _("mean answer"), _("mean error")]
    figures = Table(title, head, rows, range(4), folded=True)
    return Plot("scatter", title, told, drawing, figures)


def _by_truth(truth: np.ndarray, given: np.ndarray) -> list[list[str]]:
    edges = np.histogram_bin_edges(truth, 10)
    which = np.clip(np.digitize(truth, edges[1:-1]), 0, 9)
    rows = []
    for part in range(10):
        inside = which == part
        if inside.any():
            ends = _("{low} to {high}", low=number(edges[part]), high=number(edges[part + 1]))
            error = number(float(np.abs(given - truth)[inside].mean()))
            rows.append([ends, f"{inside.sum():,}", number(float(given[inside].mean())), error])
    return rows


def _errors(judged: Answers) -> Plot:
    errors = judged.values - judged.targets
    edges = round_edges(float(errors.min()), float(errors.max()))
    counts = np.histogram(errors, edges)[0]
    names = [number(float((a + b) / 2)) for a, b in pairwise(edges)]
    half, mean = float(np.median(np.abs(errors))), float(errors.mean())
    figures = {"half": number(half), "mean": number(abs(mean))}
    if mean > 0:
        told = _(
            "Half of the answers are less than {half} off; on average they are {mean} too high.",
            **figures,
        )
    else:
        told = _(
            "Half of the answers are less than {half} off; on average they are {mean} too low.",
            **figures,
        )
    title = _("How far off it is")
    parts = {_("rows"): counts}
    return _histogram("errors", title, told, names, parts, _("answer less truth"))


def _histogram(
    name: str, title: str, told: str, names: list[str], parts: dict[str, np.ndarray], x: str
) -> Plot:
    drawing = {
        "kind": "bars",
        "categories": names,
        "x": x,
        "y": _("rows"),
        "stacked": True,
        "series": [{"name": n, "values": [int(v) for v in values]} for n, values in parts.items()],
    }
    rows = [[at, *(f"{values[i]:,}" for values in parts.values())] for i, at in enumerate(names)]
    figures = Table(title, [x, *parts], rows, range(len(parts) + 1), folded=True)
    return Plot(name, title, told, drawing, figures)


def name_of(label: str) -> str:
    """A label as it fits into a plot."""
    return visible(shortened(label, LONGEST))


def _middle(values: np.ndarray) -> str:
    return f"{np.median(values):.2f}"
