"""Outliers: texts far longer or shorter than the others, rows without a text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weitiao.data.quality.finding import Finding, Inspected
from weitiao.data.quality.scan import texts_by_span, with_rows
from weitiao.i18n.messages import _, plural

DEVIATIONS = 5.0  # robust standard deviations of the logarithm of the length
FAR = 4.0  # at least so many times the median, or its fourth part
MAD_TO_STD = 1.4826  # of a normal distribution


def characters_of(inspected: Inspected) -> np.ndarray:
    """Characters (rows,) of all texts of each row."""
    counts = np.zeros(len(inspected.rows), np.int64)
    for done, roles in texts_by_span(inspected):
        for role in roles:
            counts[done : done + len(role)] += [len(text) for text in role]
    return counts


def outliers(inspected: Inspected, characters: np.ndarray, empty: np.ndarray) -> Iterator[Finding]:
    """Rows without a text, and rows of unusual length."""
    if empty.any():
        rows = np.flatnonzero(empty)
        sentence = _("{rows} without a text", rows=plural(len(rows), "row"))
        remedy = _("`fit` leaves them out by itself")
        yield with_rows(Finding("empty_texts", "note", rows, sentence, remedy), inspected)
    full = np.flatnonzero(~empty)
    if len(full) < 20:
        return
    logs = np.log(np.maximum(characters[full], 1))
    median = float(np.median(logs))
    std = max(MAD_TO_STD * float(np.median(np.abs(logs - median))), 0.1)
    far = np.abs(logs - median) > max(DEVIATIONS * std, float(np.log(FAR)))
    middle = round(float(np.exp(median)))
    for kind, rows in (
        ("long_texts", full[far & (logs > median)]),
        ("short_texts", full[far & (logs < median)]),
    ):
        if not len(rows):
            continue
        order = np.argsort(characters[rows], kind="stable")
        if kind == "long_texts":
            order, edge = order[::-1], int(characters[rows].min())
            sentence = _(
                "{rows} of unusual length: {edge:,} characters and more, where half have at most "
                "{middle:,}",
                rows=plural(len(rows), "row"),
                edge=edge,
                middle=middle,
            )
            remedy = _(
                "are they texts of the same kind? model.long_texts says what is read of them"
            )
            line = f"data.steps.length_filter={{longest: {edge - 1}}}"
        else:
            edge = int(characters[rows].max())
            sentence = _(
                "{rows} with a very short text: {edge:,} characters and fewer, where half have "
                "{middle:,} and more",
                rows=plural(len(rows), "row"),
                edge=edge,
                middle=middle,
            )
            remedy = _("do they say enough to be labelled?")
            line = f"data.steps.length_filter={{shortest: {edge + 1}}}"
        ordered = rows[order]
        line = line if len(inspected.rows.text_roles) == 1 else ""
        yield with_rows(
            Finding(kind, "note", ordered, sentence, remedy, line),
            inspected,
            values=characters[ordered].tolist(),
            about=_("characters"),
        )
