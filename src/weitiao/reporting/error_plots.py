"""Plots of errors: confusion matrix, confidence of right and wrong predictions, scatter plots."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from itertools import pairwise
from typing import Any

import numpy as np

from weitiao.core.sanitize import shortened, visible
from weitiao.i18n.messages import _
from weitiao.reporting.calibration import passage_coverage
from weitiao.reporting.render import Plot, Plots, Table
from weitiao.reporting.scores import Label, confusions, most_confused, unit_of
from weitiao.reporting.text_plots import by_length
from weitiao.results.format import number, round_edges, short_label
from weitiao.results.run_data import StoredAnswers
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.ranks import Ranks
from weitiao.tasks.answers.texts import Texts

MAX_MATRIX_LABELS = 20  # of more labels, the most confused
MAX_CONFUSIONS = 40  # in the table
BINS = 20
MAX_SCATTER_POINTS = 1200  # drawn one by one; of more rows a two-dimensional histogram
HISTOGRAM_SQUARES = 30  # along each side
MAX_LABEL_CHARACTERS = 40  # in a plot


def plots_of(stored: StoredAnswers, labels: list[Label]) -> Plots:
    """The plots for the class of answers."""
    return _plots(stored.answers, stored, labels)


@singledispatch
def title_of(answers: Answers) -> str:
    """What the section of these plots is called."""
    return _("Errors") if answers.numeric else _("Confusion")


@title_of.register
def _of_passage_plots(answers: Passages) -> str:
    return _("Confidence")


@title_of.register
def _of_rank_plots(answers: Ranks) -> str:
    return _("Confidence")


@title_of.register
def _of_text_plots(answers: Texts) -> str:
    return _("Length")


@singledispatch
def _plots(answers: Answers, stored: StoredAnswers, labels: list[Label]) -> Plots:
    if answers.numeric:
        return Plots([_scatter(answers), _errors(answers)])
    first = [_label_bars(labels, unit_of(answers))] if labels else []
    return Plots([*first, *_certainty(stored)])


@_plots.register
def _of_labels(answers: Labels, stored: StoredAnswers, labels: list[Label]) -> Plots:
    first = _matrix(answers)
    return Plots([first, *(replace(one, wide=first.wide) for one in _certainty(stored))])


@_plots.register
def _of_passages(answers: Passages, stored: StoredAnswers, labels: list[Label]) -> Plots:
    return Plots([*_certainty(stored), *passage_coverage(stored)])


@_plots.register
def _of_texts(answers: Texts, stored: StoredAnswers, labels: list[Label]) -> Plots:
    return Plots(by_length(answers))


def _matrix(answers: Labels) -> Plot:
    shown = (
        list(range(len(answers.labels)))
        if len(answers.labels) <= MAX_MATRIX_LABELS
        else most_confused(answers, MAX_MATRIX_LABELS)
    )
    place = {label: at for at, label in enumerate(shown)}
    pairs = confusions(answers)
    names = [plot_label(answers.labels[label]) for label in shown]
    drawing = {
        "kind": "matrix",
        "names": names,
        "x": _("predicted label"),
        "y": _("true label"),
        "rows": _("rows"),
        "codes": shown,  # as the table of all rows numbers the labels
        "cells": [
            [place[one.predicted], place[one.gold], one.rows]
            for one in pairs
            if one.predicted in place and one.gold in place
        ],
    }
    wrong = [one for one in pairs if one.gold != one.predicted]
    message = (
        _(
            "Rows by true and predicted label; off the diagonal they are wrong. "
            "A click on a cell lists its rows."
        )
        if len(shown) == len(answers.labels)
        else _(
            "Rows by true and predicted label, for the {count} of {all} labels confused most. "
            "A click on a cell lists its rows.",
            count=len(shown),
            all=len(answers.labels),
        )
    )
    rows = [
        [
            short_label(answers.labels[one.gold]),
            short_label(answers.labels[one.predicted]),
            f"{one.rows:,}",
        ]
        for one in wrong[:MAX_CONFUSIONS]
    ]
    caption = _("The most frequent confusions")
    figures = Table(caption, [_("true"), _("predicted"), _("rows")], rows, [2], folded=True)
    wide = len(shown) > 8
    return Plot("confusion", _("Confusion matrix"), message, drawing, figures, wide)


def _label_bars(labels: list[Label], unit: str) -> Plot:
    """Of several labels: found, missed and wrongly given, label by label."""
    most = sorted(labels, key=lambda label: -(label.rows + label.predicted - 2 * label.right))[
        :MAX_MATRIX_LABELS
    ]
    parts = {
        _("found"): [label.right for label in most],
        _("missed"): [label.rows - label.right for label in most],
        _("wrongly given"): [label.predicted - label.right for label in most],
    }
    drawing = {
        "kind": "bars",
        "categories": [plot_label(label.name) for label in most],
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
    message = _("How often each label was found, missed and wrongly given; most mistakes first.")
    title = _("Labels found and missed")
    figures = Table(title, [_("label"), *parts], rows, [1, 2, 3], folded=True)
    return Plot("found", title, message, drawing, figures)


def _certainty(stored: StoredAnswers) -> list[Plot]:
    """Histogram of the confidence of correct and of wrong rows; none where all have the same."""
    known = stored.answers.has_confidence()
    right, confidence = stored.answers.right()[known], stored.confidence[known]
    if len(np.unique(confidence)) < 2:  # a single bar says nothing
        return []
    edges = round_edges(float(confidence.min()), float(confidence.max()))
    parts = {
        _("correct"): np.histogram(confidence[right], edges)[0],
        _("wrong"): np.histogram(confidence[~right], edges)[0],
    }
    names = [number(float(edge)) for edge in edges[:-1]]
    if right.all() or not right.any():
        message = _("Median confidence: {median}.", median=_median(confidence))
    else:
        message = _(
            "Median confidence: {right} when right, {wrong} when wrong.",
            right=_median(confidence[right]),
            wrong=_median(confidence[~right]),
        )
    title = _("Confidence")
    return [_histogram("certainty", title, message, names, parts, _("confidence"))]


def _scatter(answers: Answers) -> Plot:
    gold, predicted = answers.targets, answers.values
    low, high = float(min(gold.min(), predicted.min())), float(max(gold.max(), predicted.max()))
    high = high if high > low else low + 1.0
    drawing: dict[str, Any] = {"x": _("true value"), "y": _("predicted value"), "rows": _("rows")}
    if len(gold) <= MAX_SCATTER_POINTS:
        drawing |= {
            "kind": "points",
            "ends": round_edges(low, high, 10)[[0, -1]].tolist(),
            "points": [
                [float(f"{t:.4g}"), float(f"{g:.4g}")] for t, g in zip(gold, predicted, strict=True)
            ],
        }
    else:
        edges = round_edges(low, high, HISTOGRAM_SQUARES)
        counts = np.histogram2d(gold, predicted, (edges, edges))[0].astype(int)
        drawing |= {
            "kind": "density",
            "names": [number(float(edge)) for edge in edges[:-1]],
            "cells": [[int(x), int(y), int(counts[x, y])] for x, y in np.argwhere(counts)],
        }
    rows, message = (
        _by_truth(gold, predicted),
        _("Predicted against true value of each row; on the line both are the same."),
    )
    title = _("Predicted against true value")
    head = [_("true value"), _("rows"), _("mean prediction"), _("mean absolute error")]
    figures = Table(title, head, rows, range(4), folded=True)
    return Plot("scatter", title, message, drawing, figures)


def _by_truth(gold: np.ndarray, predicted: np.ndarray) -> list[list[str]]:
    edges = np.histogram_bin_edges(gold, 10)
    which = np.clip(np.digitize(gold, edges[1:-1]), 0, 9)
    rows = []
    for part in range(10):
        inside = which == part
        if inside.any():
            ends = _("{low} to {high}", low=number(edges[part]), high=number(edges[part + 1]))
            error = number(float(np.abs(predicted - gold)[inside].mean()))
            rows.append([ends, f"{inside.sum():,}", number(float(predicted[inside].mean())), error])
    return rows


def _errors(answers: Answers) -> Plot:
    errors = answers.values - answers.targets
    edges = round_edges(float(errors.min()), float(errors.max()))
    counts = np.histogram(errors, edges)[0]
    names = [number(float((a + b) / 2)) for a, b in pairwise(edges)]
    half, mean = float(np.median(np.abs(errors))), float(errors.mean())
    figures = {"half": number(half), "mean": number(abs(mean))}
    if mean > 0:
        message = _(
            "Half of the predictions are less than {half} off; on average they are {mean} too "
            "high.",
            **figures,
        )
    else:
        message = _(
            "Half of the predictions are less than {half} off; on average they are {mean} too low.",
            **figures,
        )
    title = _("Errors")
    parts = {_("rows"): counts}
    return _histogram("errors", title, message, names, parts, _("error (predicted − true)"))


def _histogram(
    name: str, title: str, message: str, names: list[str], parts: dict[str, np.ndarray], x: str
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
    return Plot(name, title, message, drawing, figures)


def plot_label(label: str) -> str:
    """A label as it fits into a plot."""
    return visible(shortened(label, MAX_LABEL_CHARACTERS))


def _median(values: np.ndarray) -> str:
    return f"{np.median(values):.2f}"
