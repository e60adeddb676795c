"""Whether its scores can be believed: reliability, answering less, thresholds chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weitiao.core.sanitize import quoted
from weitiao.evaluation.calibration import coverage, quality, reliability
from weitiao.evaluation.passages import threshold_message
from weitiao.i18n.messages import _, plural
from weitiao.reporting.blocks import Plot, Plots, Section, Table, Words, thinned
from weitiao.results.answers import Kept
from weitiao.results.format import figure, short_label
from weitiao.results.run_data import Material
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.passages import Passages

LEAST = 0.1  # of the rows; what fewer come to is noise


def calibrated(material: Material) -> Section | None:
    """The section; None where scores are no probabilities and nothing was decided."""
    kept = material.kept
    if kept is None:
        return None
    told: Mapping[str, Any] = material.metrics.get("calibration") or {}
    if not kept.judged.probabilities:
        words = [Words(one, "note") for one in decisions_told(told)]
        title = (
            _('When it gives "no answer"') if isinstance(kept.judged, Passages) else _("Decisions")
        )
        return Section("sure", title, words) if words else None
    blocks: list[Any] = [Words(_sentence(kept, told))]
    blocks.append(Plots([_reliability(kept, told), _coverage(kept)]))
    blocks += [Words(one, "note") for one in decisions_told(told)]
    return Section("sure", _("How far its scores can be believed"), blocks)


def _sentence(kept: Kept, told: Mapping[str, Any]) -> str:
    judged = kept.judged
    off = figure(quality(judged).ece)
    divisor = told.get("temperature")
    if divisor is None:
        return _("On average a score is {off} away from how often it comes true. It was not "
                    "calibrated.", off=off)  # fmt: skip
    before = quality(judged.tempered(divisor)).ece
    return _(
        "On average a score is {off} away from how often it comes true; without the temperature of "
        "{divisor}, fitted on {rows} of validation and folded into the model, it would be "
        "{before}.",
        off=off, divisor=figure(divisor), rows=plural(int(told["rows"]), "row"),
        before=figure(before),
    )  # fmt: skip


def _reliability(kept: Kept, told: Mapping[str, Any]) -> Plot:
    judged, divisor = kept.judged, told.get("temperature")
    after = reliability(*judged.claims())
    names = _("calibrated") if divisor else _("as it is"), _("before"), _("exact")
    series = [
        {"name": names[0], "points": [[_at(one.confidence), _at(one.accuracy)] for one in after],
         "dots": True}
    ]  # fmt: skip
    if divisor:
        before = reliability(*judged.tempered(divisor).claims())
        points = [[_at(one.confidence), _at(one.accuracy)] for one in before]
        series.append({"name": names[1], "points": points, "dots": True, "second": True})
    series.append({"name": names[2], "points": [[0, 0], [1, 1]], "dash": True})
    head = [_("score"), _("rows"), _("mean score"), _("came true")]
    if isinstance(judged, LabelSets):
        head[1] = _("labels")
    rows = [
        [_("{low} to {high}", low=f"{one.low:.1f}", high=f"{one.high:.1f}"), f"{one.rows:,}",
         figure(one.confidence), figure(one.accuracy)]
        for one in after
    ]  # fmt: skip
    title = _("Reliability")
    about = _("Answers of about the same score: how often they are right. On the dashed line "
                 "both agree.")  # fmt: skip
    drawing = {"kind": "lines", "x": head[2], "y": head[3], "series": series, "share": True,
               "square": True}  # fmt: skip
    return Plot("reliability", title, about, drawing, Table(title, head, rows, range(4), True))


def _coverage(kept: Kept) -> Plot:
    """How right it is if only the surest rows are answered."""
    points = coverage(kept.sure, kept.judged.right())
    points = [one for one in points if one["coverage"] >= LEAST] or points
    drawn = [[_at(one["coverage"]), _at(one["right"])] for one in points]
    title, x, y = _("Answering less"), _("share of rows answered"), _("share right")
    rows = [[figure(one["score"]), f"{one['coverage']:.0%}", figure(one["right"])]
            for one in thinned(points)]  # fmt: skip
    half = min(points, key=lambda one: abs(one["coverage"] - 0.5))
    about = _("If only the surest rows are answered and people do the others: of the surest "
                 "{share} of the rows {right} are right, of all {all}.",
                 share=f"{half['coverage']:.0%}", right=f"{half['right']:.1%}",
                 all=f"{points[-1]['right']:.1%}")  # fmt: skip
    head = [_("answered from the score"), x, y]
    drawing = {"kind": "lines", "x": x, "y": y, "share": True,
               "series": [{"name": y, "points": drawn, "dots": True}]}  # fmt: skip
    return Plot("coverage", title, about, drawing, Table(title, head, rows, range(3), True))


def decisions_told(told: Mapping[str, Any]) -> list[str]:
    """What was chosen on validation, a sentence each."""
    found = []
    for one in told.get("decisions") or []:
        for figures in one.get("labels") or [one]:
            found.append(_decision(one["name"], figures))
        if not one["met"]:
            found.append(_("What was wished for ({name}) cannot be reached on validation; this "
                              "is as near as it gets.", name=one["name"]))  # fmt: skip
    return found


def _decision(name: str, one: Mapping[str, Any]) -> str:
    if "null_threshold" in one:
        return threshold_message(one)
    if "threshold" in one:
        return _("{label} is given from a score of {score} on ({name}): on validation precision "
                    "{precision}, recall {recall}.",
                    label=quoted(short_label(one["label"])), score=figure(one["threshold"]),
                    name=name, precision=figure(one["precision"]),
                    recall=figure(one["recall"]))  # fmt: skip
    if "coverage" in one:
        return _("No answer is given below a score of {score}: on validation {coverage} of the "
                    "rows are answered, {right} of them rightly.",
                    score=figure(one["score"]), coverage=f"{one['coverage']:.0%}",
                    right=f"{one['accuracy']:.1%}")  # fmt: skip
    if "before" in one:
        return _("Answers go by what mistakes cost: on validation {after} a row, {before} with "
                    "the likeliest answers.", after=figure(one["after"]),
                    before=figure(one["before"]))  # fmt: skip
    return _("Nothing was chosen ({name}): validation has no row of {label}.", name=name,
                label=quoted(short_label(str(one.get("label", "")))))  # fmt: skip


def _at(value: float) -> float:
    return float(f"{value:.4g}")
