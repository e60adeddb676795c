"""Calibration of confidences: reliability diagram, selective prediction, thresholds chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.core.sanitize import quoted
from weitiao.evaluation import passages
from weitiao.evaluation.calibration import coverage, quality, reliability
from weitiao.i18n.messages import _, joined, plural
from weitiao.reporting.render import Plot, Plots, Section, Table, Words, thinned
from weitiao.results.format import figure, short_label
from weitiao.results.records import Calibration, Decision
from weitiao.results.run_data import Material, StoredAnswers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.passages import Passages

FEWEST_TOGETHER = 3  # labels with the same threshold, from which on one sentence tells it
LEAST_COVERAGE = 0.1  # of the rows; the accuracy of fewer is noise


def calibration_section(material: Material) -> Section | None:
    """The section; None where scores are no probabilities and nothing was decided."""
    stored = material.stored
    if stored is None:
        return None
    calibration = material.metrics.calibration or Calibration()
    notes = [Words(one, "note") for one in decisions_in_words(calibration)]
    if not stored.answers.probabilities:
        reading = isinstance(stored.answers, Passages)
        title = _('When it gives "no answer"') if reading else _("Decisions")
        return Section("sure", title, notes) if notes else None
    plots = [*_reliability(stored, calibration), *_coverage(stored)]
    blocks: list[Any] = [Words(_sentence(stored, calibration))]
    blocks += [Plots(plots), *notes] if plots else notes
    return Section("sure", _("Calibration"), blocks)


def _sentence(stored: StoredAnswers, calibration: Calibration) -> str:
    error = figure(quality(stored.answers).ece)
    if calibration.temperature is None:
        return _("Expected calibration error: {error}. The model was not calibrated.", error=error)
    before = quality(stored.answers.tempered(calibration.temperature)).ece
    return _(
        "Expected calibration error: {error}; without the temperature of {temperature}, fitted on "
        "{rows} of validation and folded into the model, it would be {before}.",
        error=error,
        temperature=figure(calibration.temperature),
        rows=plural(calibration.rows or 0, "row"),
        before=figure(before),
    )


def _reliability(stored: StoredAnswers, calibration: Calibration) -> list[Plot]:
    """The reliability diagram; none where all confidences fall into one bin."""
    answers, temperature = stored.answers, calibration.temperature
    after = reliability(*answers.claims())
    if len(after) < 2:
        return []
    name = _("calibrated") if temperature else _("as it is")
    series: list[dict[str, Any]] = [
        {
            "name": name,
            "points": [[_short(one.confidence), _short(one.accuracy)] for one in after],
            "dots": True,
        }
    ]
    if temperature:
        before = reliability(*answers.tempered(temperature).claims())
        points = [[_short(one.confidence), _short(one.accuracy)] for one in before]
        series.append({"name": _("before"), "points": points, "dots": True, "second": True})
    series.append({"name": _("exact"), "points": [[0, 0], [1, 1]], "dash": True})
    counted = _("labels") if isinstance(answers, LabelSets) else _("rows")
    head = [_("confidence"), counted, _("mean confidence"), _("proportion correct")]
    rows = [
        [
            _("{low} to {high}", low=f"{one.low:.1f}", high=f"{one.high:.1f}"),
            f"{one.rows:,}",
            figure(one.confidence),
            figure(one.accuracy),
        ]
        for one in after
    ]
    title = _("Reliability")
    about = _(
        "Predictions grouped by confidence: how often they are right. On the dashed line both "
        "agree."
    )
    drawing = {
        "kind": "lines",
        "x": head[2],
        "y": head[3],
        "series": series,
        "share": True,
        "square": True,
    }
    return [Plot("reliability", title, about, drawing, Table(title, head, rows, range(4), True))]


def _coverage(stored: StoredAnswers) -> list[Plot]:
    """Accuracy against coverage (El-Yaniv and Wiener, 2010); none of a single point."""
    points = coverage(stored.confidence, stored.answers.right())
    points = [one for one in points if one["coverage"] >= LEAST_COVERAGE] or points
    curve = [(one["score"], one["coverage"], one["right"]) for one in points]
    half = min(curve, key=lambda point: abs(point[1] - 0.5))
    about = _(
        "If only the most confident predictions are used: {right} of the top {share} are right, "
        "{all} of all rows.",
        share=f"{half[1]:.0%}",
        right=f"{half[2]:.1%}",
        all=f"{curve[-1][2]:.1%}",
    )
    names = _("proportion of rows predicted"), _("proportion correct"), _("minimum confidence")
    return _curve(curve, about, *names)


def passage_coverage(stored: StoredAnswers) -> list[Plot]:
    """F1 against the proportion of questions answered."""
    curve = [(p["score"], p["coverage"], p["f1"]) for p in passages.coverage(stored.answers)]
    half = min(curve, key=lambda point: abs(point[1] - 0.5))
    about = _(
        "If only the most confident answers are used: F1 is {some} on the top {share} of the "
        "questions, {all} on all.",
        share=f"{half[1]:.0%}",
        some=figure(half[2]),
        all=figure(curve[-1][2]),
    )
    margin = passages.has_none(stored.answers)
    by = _('score above "no answer"') if margin else _("minimum confidence")
    names = _("proportion of questions answered"), _("F1 of the answered"), by
    return _curve(curve, about, *names)


def _curve(
    points: list[tuple[float, float, float]], about: str, x: str, y: str, by: str
) -> list[Plot]:
    """points: (threshold, coverage, accuracy or F1); of less than two nothing is drawn."""
    if len(points) < 2:
        return []
    title = _("Selective prediction")
    rows = [
        [figure(score), f"{covered:.0%}", figure(value)]
        for score, covered, value in thinned(points)
    ]
    series = {
        "name": y,
        "points": [[_short(covered), _short(value)] for _score, covered, value in points],
        "dots": True,
    }
    drawing = {"kind": "lines", "x": x, "y": y, "share": True, "series": [series]}
    return [Plot("coverage", title, about, drawing, Table(title, [by, x, y], rows, range(3), True))]


def decisions_in_words(calibration: Calibration) -> list[str]:
    """What was chosen on validation, a sentence each."""
    refused = calibration.get("refused")
    sentences = [_refusal(refused)] if refused else []
    for rule in calibration.decisions or []:
        sentences += _decisions(rule.name, rule.labels or [rule])
        if not rule.met:
            sentences.append(
                _(
                    "The target of {name} cannot be reached on validation; this is the closest "
                    "setting.",
                    name=rule.name,
                )
            )
    return sentences


def _refusal(refused: Mapping[str, Any]) -> str:
    """Why a temperature was not folded into the model."""
    rows = plural(refused["rows"], "row")
    if refused["reason"] == "bound":
        return _(
            "No temperature was folded in: its fit on {rows} of validation ended at the limit of "
            "the search, {temperature}.",
            temperature=figure(refused["temperature"]),
            rows=rows,
        )
    nll, ece = refused["nll"], refused["ece"]
    return _(
        "No temperature was folded in: on {rows} of validation, {temperature} gains {nll} (95% CI "
        "{nll_low} to {nll_high}) in log-loss and {ece} ({ece_low} to {ece_high}) in calibration "
        "error, not both beyond chance.",
        temperature=figure(refused["temperature"]),
        rows=rows,
        nll=figure(nll["value"]),
        nll_low=figure(nll["low"]),
        nll_high=figure(nll["high"]),
        ece=figure(ece["value"]),
        ece_low=figure(ece["low"]),
        ece_high=figure(ece["high"]),
    )


def _decisions(name: str, rules: Sequence[Decision]) -> list[str]:
    """A sentence each; one for all labels that share a threshold, as those with few rows do."""
    count = Counter(one.threshold for one in rules if one.threshold is not None)
    shared = [threshold for threshold, labels in count.items() if labels >= FEWEST_TOGETHER]
    sentences = [_decision(name, one) for one in rules if one.threshold not in shared]
    for threshold in sorted(shared):
        names = [
            quoted(short_label(one.label or "")) for one in rules if one.threshold == threshold
        ]
        message = _(
            "{count} labels are predicted from a confidence of {score} on ({name}): {labels}.",
            count=len(names),
            score=figure(threshold),
            name=name,
            labels=joined(names, ", "),
        )
        sentences.append(message)
    return sentences


def _decision(name: str, one: Decision) -> str:
    chosen = one.model_fields_set  # each rule writes its own fields
    if "null_threshold" in chosen:
        return passages.threshold_message(one.plain())
    if "threshold" in chosen:
        return _(
            "{label} is predicted from a confidence of {score} on ({name}): validation precision "
            "{precision}, recall {recall}.",
            label=quoted(short_label(one.label or "")),
            score=figure(one.threshold),
            name=name,
            precision=figure(one.precision),
            recall=figure(one.recall),
        )
    if "coverage" in chosen:
        return _(
            "No prediction is given below a confidence of {score}: on validation {coverage} of "
            "the rows are predicted, {right} of them correctly.",
            score=figure(one.score),
            coverage=f"{one.coverage or 0:.0%}",
            right=f"{one.accuracy or 0:.1%}",
        )
    if "before" in chosen:
        return _(
            "Predictions minimize the expected cost: on validation {after} per row, {before} with "
            "the likeliest labels.",
            after=figure(one.after),
            before=figure(one.before),
        )
    return _(
        "Nothing was chosen ({name}): validation has no row of {label}.",
        name=name,
        label=quoted(short_label(str(one.label or ""))),
    )


def _short(value: float) -> float:
    """Four digits are more than a screen shows."""
    return float(f"{value:.4g}")
