"""The first half page: verdict, headline figures, weakest label, caveats."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.core.sanitize import quoted
from weitiao.evaluation.intervals import wilson
from weitiao.i18n.messages import _, plural
from weitiao.labels.tags.counts import by_row
from weitiao.reporting import weak_spots
from weitiao.reporting.refit import refit_sentence
from weitiao.reporting.render import Bar, Bars, Points, Section, Words
from weitiao.reporting.scores import Label, weakest
from weitiao.reporting.text_plots import likeness
from weitiao.reporting.verdict import acceptance_blocks, fine_tuning_gain, verdict
from weitiao.results.format import baseline, number, short_label, whole_baseline
from weitiao.results.records import MetricsRecord
from weitiao.results.run_data import Material, StoredAnswers
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.passages import EXACT, OVERLAP, Passages
from weitiao.tasks.answers.ranks import Ranks
from weitiao.tasks.answers.spans import Spans
from weitiao.tasks.answers.texts import Texts

OF = 1000  # proportions are said of so many rows


def summary(material: Material, labels: list[Label]) -> Section:
    """The verdict, the figures behind it, the weakest label, and the caveats."""
    word = verdict(material.metrics, labels, material.short_budget, quoted(material.run.folder))
    blocks: list[Any] = [*acceptance_blocks(material.metrics), word]
    if material.stored is not None and len(material.stored):
        answers = material.stored.answers
        bars, sentences = headline(answers, material)
        weak = weakest(labels)
        if weak is not None:
            sentences.append(weak_label(answers, weak))
        elif isinstance(answers, Labels):
            sentences += _confused(labels)
        sentences += weak_spots.weak_sentences(material.findings, without=("label",))
        sentences += weak_spots.check_sentences(material.findings)
        sentences += [gain] if (gain := fine_tuning_gain(material.metrics)) else []
        blocks += [*([bars] if bars else []), Points(sentences)]
    blocks += [Words(text, "note") for text in _caveats(material)]
    return Section("answer", _("Summary"), blocks)


# --- headline figures by the class of answers


@singledispatch
def headline(answers: Answers, material: Material) -> tuple[Bars | None, list[str]]:
    """How right the predictions are next to the baselines', as bars and in words."""
    if answers.numeric:
        return _errors(material)
    right = answers.right()
    bars = [_interval_bar(_("this model"), float(right.mean()), len(right), ours=True)]
    sentences = [_("{right} of {of} rows are correct.", of=f"{OF:,}", right=_of(right.mean()))]
    return Bars(_("Correct rows of {of}", of=f"{OF:,}"), bars, 1.0), sentences


@headline.register
def _ranked_first(answers: Ranks, material: Material) -> tuple[Bars, list[str]]:
    right = answers.right()
    bars = [_interval_bar(_("this model"), float(right.mean()), len(right), ours=True)]
    sentence = _(
        "Of {of} questions, {right} have the right passage first.",
        of=f"{OF:,}",
        right=_of(right.mean()),
    )
    return Bars(_("Right passage first, of {of}", of=f"{OF:,}"), bars, 1.0), [sentence]


@headline.register
def _texts_alike(answers: Texts, material: Material) -> tuple[Bars, list[str]]:
    return likeness(answers, _stored(material))


@headline.register
def _rows_right(answers: Labels, material: Material) -> tuple[Bars, list[str]]:
    stored = _stored(material)
    right = answers.targets == answers.values
    bars = [_interval_bar(_("this model"), float(right.mean()), len(right), ours=True)]
    for name, values in stored.baselines.items():
        proportion = float((values == answers.targets).mean())
        bars.append(_interval_bar(whole_baseline(name), proportion, len(right)))
    sentences = [_("{right} of {of} rows are correct.", of=f"{OF:,}", right=_of(right.mean()))]
    sentences += _against_baseline(material.metrics, "accuracy")
    return Bars(_("Correct rows of {of}", of=f"{OF:,}"), bars, 1.0), sentences


@headline.register
def _labels_found(answers: LabelSets, material: Material) -> tuple[Bars, list[str]]:
    hits, wrong = _label_rates(answers, answers.values)
    message = _(
        "Of {of} gold labels {found} are found; of {of} predicted labels, {wrong} are wrong.",
        of=f"{OF:,}",
        found=_of(hits),
        wrong=_of(wrong),
    )
    caption = _("Labels found of {of}", of=f"{OF:,}")
    return _found_bars(material, caption, message, lambda v: _label_rates(answers, v))


@headline.register
def _spans_found(answers: Spans, material: Material) -> tuple[Bars, list[str]]:
    hits, wrong = _span_rates(answers.targets, answers.values)
    message = (
        _(
            "Of {of} gold spans {found} are found, with the right ends and label; "
            "of {of} predicted ones, {wrong} are wrong.",
            of=f"{OF:,}",
            found=_of(hits),
            wrong=_of(wrong),
        )
        if len(answers.values.values)
        else _("No span is predicted in any text.")
    )
    caption = _("Spans found of {of}", of=f"{OF:,}")
    return _found_bars(material, caption, message, lambda v: _span_rates(answers.targets, v))


def _found_bars(
    material: Material, caption: str, message: str, rates: Callable[[Any], tuple[float, float]]
) -> tuple[Bars, list[str]]:
    """Recall of model and baselines. rates: of values, the recall and the proportion wrong."""
    stored = _stored(material)
    hits = rates(stored.answers.values)[0]
    bars = [Bar(_("this model"), hits, _of(hits), ours=True)]
    for name, values in stored.baselines.items():
        hits = rates(values)[0]
        bars.append(Bar(whole_baseline(name), hits, _of(hits)))
    sentences = [message]
    against = str(material.metrics.against)
    if against in stored.baselines:
        hits, wrong = rates(stored.baselines[against])
        sentences.append(
            _(
                "The best baseline, {baseline}, finds {found}, and {wrong} of {of} predicted ones "
                "are wrong.",
                baseline=baseline(against),
                found=_of(hits),
                wrong=_of(wrong),
                of=f"{OF:,}",
            )
        )
    return Bars(caption, bars, 1.0), sentences


@headline.register
def _passages_right(answers: Passages, material: Material) -> tuple[Bars, list[str]]:
    """Exact match next to the baselines', and what that is in words."""
    right, overlap = answers.counts[:, EXACT].mean(), answers.counts[:, OVERLAP].mean()
    bars = [_interval_bar(_("this model"), float(right), len(answers), ours=True)]
    for name, figures in material.metrics.baselines.items():
        proportion = figures.get("exact_match")
        if proportion is not None:
            bars.append(_interval_bar(whole_baseline(name), proportion, len(answers)))
    sentences = [
        _(
            "Of {of} questions it answers {right} exactly; on average an answer and the right one "
            "overlap by {overlap} (F1).",
            of=f"{OF:,}",
            right=_of(right),
            overlap=f"{overlap:.0%}",
        )
    ]
    unanswerable = np.array([not golds for golds in answers.targets])
    if unanswerable.any():
        quiet = float((answers.values[unanswerable] == "").mean())
        sentences.append(
            _(
                "Of {of} questions without an answer it leaves {quiet} unanswered.",
                of=f"{OF:,}",
                quiet=_of(quiet),
            )
        )
    return Bars(_("Exactly right answers of {of}", of=f"{OF:,}"), bars, 1.0), sentences


def _errors(material: Material) -> tuple[Bars, list[str]]:
    stored = _stored(material)
    gold = stored.answers.targets
    ours = float(np.abs(stored.answers.values - gold).mean())
    others = {name: float(np.abs(v - gold).mean()) for name, v in stored.baselines.items()}
    bars = [Bar(_("this model"), ours, number(ours), ours=True)]
    bars += [Bar(whole_baseline(name), error, number(error)) for name, error in others.items()]
    sentences = [
        _(
            "The mean absolute error is {error}; {target} runs from {lowest} to {highest} here.",
            error=number(ours),
            target=quoted(material.target),
            lowest=number(float(gold.min())),
            highest=number(float(gold.max())),
        )
    ]
    against = str(material.metrics.against)
    if against in others:
        sentences.append(
            _(
                "That of the best baseline, {baseline}, is {error}.",
                baseline=baseline(against),
                error=number(others[against]),
            )
        )
        sentences += _error_reduction(material.metrics)
    caption = _("Mean absolute error (lower is better)")
    return Bars(caption, bars, max([ours, *others.values()]) or 1.0), sentences


def _error_reduction(metrics: MetricsRecord) -> list[str]:
    gap, low, high = metrics.difference("mae")
    if math.isnan(low):
        return []
    if low > 0:
        return [
            _(
                "Mean error is {gap} lower (95% CI {low} to {high}).",
                gap=number(gap),
                low=number(low),
                high=number(high),
            )
        ]
    return [
        _(
            "The difference may be chance (95% CI: {low} higher to {high} lower).",
            low=number(abs(low)),
            high=number(max(high, 0.0)),
        )
    ]


def _against_baseline(metrics: MetricsRecord, name: str) -> list[str]:
    """How many more (or fewer) of 1,000 are right than with the best baseline."""
    gap, low, high = metrics.difference(name)
    if math.isnan(gap):
        return []
    best, count = baseline(str(metrics.against)), _of(abs(gap))
    if round(OF * gap) == 0:
        first = _("That is as many as with the best baseline, {baseline}.", baseline=best)
    elif gap > 0:
        first = _(
            "That is {count} more than with the best baseline, {baseline}.",
            count=count,
            baseline=best,
        )
    else:
        first = _(
            "That is {count} fewer than with the best baseline, {baseline}.",
            count=count,
            baseline=best,
        )
    if math.isnan(low):
        return [first]
    ends = _of(abs(low)), _of(abs(high))
    if low >= 0:
        return [first, _("95% CI: {low} to {high} more.", low=ends[0], high=ends[1])]
    if high <= 0:
        return [first, _("95% CI: {low} to {high} fewer.", low=ends[1], high=ends[0])]
    sentence = _(
        "That may be chance (95% CI: {low} fewer to {high} more).", low=ends[0], high=ends[1]
    )
    return [first, sentence]


# --- the weakest label


@singledispatch
def weak_label(answers: Answers, label: Label) -> str:
    """The label with the lowest F1, in a sentence."""
    figures = _figures(label)
    if not label.mostly:
        return _(
            "The weakest label is {label}: all of its {rows} are found, but it is also given to "
            "{wrong} others.",
            label=figures["label"],
            rows=figures["rows"],
            wrong=f"{label.predicted - label.right:,}",
        )
    return _(
        "The weakest label is {label}: {right} of its {rows} are found; most of the others are "
        "taken for {other} ({count}).",
        **figures,
        other=quoted(short_label(label.mostly)),
        count=f"{label.mistaken:,}",
    )


@weak_label.register
def _weak_of_spans(answers: Spans, label: Label) -> str:
    return _(
        "The weakest label is {label}: {right} of its {there} spans are found, {wrong} are "
        "given wrongly.",
        label=quoted(short_label(label.name)),
        right=f"{label.right:,}",
        there=f"{label.rows:,}",
        wrong=f"{label.predicted - label.right:,}",
    )


@weak_label.register
def _weak_of_sets(answers: LabelSets, label: Label) -> str:
    return _(
        "The weakest label is {label}: found in {right} of its {rows}, and given wrongly "
        "{wrong} times.",
        **_figures(label),
        wrong=f"{label.predicted - label.right:,}",
    )


def _figures(label: Label) -> dict[str, str]:
    return {
        "label": quoted(short_label(label.name)),
        "right": f"{label.right:,}",
        "rows": plural(label.rows, "row"),
    }


def _confused(labels: list[Label]) -> list[str]:
    """Instead of the weakest label, where none has rows enough to be called so."""
    worst = max(labels, key=lambda label: label.mistaken)
    if not worst.mistaken:
        return []
    return [
        _(
            "Most labels have too few rows to say which is weak; most often {label} is taken for "
            "{other} ({count}).",
            label=quoted(short_label(worst.name)),
            other=quoted(short_label(worst.mostly)),
            count=plural(worst.mistaken, "row"),
        )
    ]


def _caveats(material: Material) -> list[str]:
    caveats = []
    metrics, folder = material.metrics, quoted(material.run.folder)
    if metrics.split == "validation":
        caveats.append(
            _(
                "Evaluated on {rows} of validation, which also selected the checkpoint: scores are "
                "slightly optimistic. `weitiao evaluate {run} --final` uses the sealed test set.",
                rows=plural(metrics.rows, "row"),
                run=folder,
            )
        )
    elif metrics.split == "test":
        openings = metrics.openings or 1
        rows = plural(metrics.rows, "row")
        caveats.append(
            _("Evaluated on {rows} of the sealed test set, used for the first time.", rows=rows)
            if openings == 1
            else _(
                "Evaluated on {rows} of the test set, used {count} times so far: the more often, "
                "the less its scores prove.",
                rows=rows,
                count=openings,
            )
        )
    if sentence := refit_sentence(metrics.get("refit")):
        caveats.append(sentence)
    if material.state in ("interrupted", "failed", "running"):
        caveats.append(_unfinished(material))
    return caveats


def _unfinished(material: Material) -> str:
    run = quoted(material.run.folder)
    if material.state == "running":
        return _("The run is still training: the page shows what there is by now.")
    if material.state == "failed":
        return _("The run failed; the page shows how far it came.")
    return _(
        "The run was interrupted; `weitiao train --resume {run}` goes on where it stopped.", run=run
    )


def _interval_bar(name: str, proportion: float, rows: int, ours: bool = False) -> Bar:
    low, high = wilson(proportion, rows)
    return Bar(name, proportion, _of(proportion), low, high, ours)


def _label_rates(answers: Answers, values: np.ndarray) -> tuple[float, float]:
    """The proportion of gold labels that are predicted, and of predicted ones that are wrong."""
    right = float((answers.targets * values).sum())
    gold, predicted = float(answers.targets.sum()), float(values.sum())
    return right / max(gold, 1.0), (predicted - right) / max(predicted, 1.0)


def _span_rates(targets: Ragged, values: Ragged) -> tuple[float, float]:
    """The proportion of gold spans that are predicted, and of predicted ones that are wrong."""
    right, predicted, gold = by_row(targets, values).sum(0).tolist()
    return right / max(gold, 1), (predicted - right) / max(predicted, 1)


def _of(proportion: Any) -> str:
    return f"{round(OF * round(float(proportion), 3)):,}"  # as the tables round it


def _stored(material: Material) -> StoredAnswers:
    assert material.stored is not None
    return material.stored
