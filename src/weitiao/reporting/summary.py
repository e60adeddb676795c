"""The first half page: what the figures come to, for somebody who has to decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import numpy as np

from weitiao.core.sanitize import quoted
from weitiao.evaluation.intervals import wilson
from weitiao.i18n.messages import _, plural
from weitiao.reporting import acceptance, spans, weak_spots
from weitiao.reporting.blocks import Bar, Bars, Points, Section, Words
from weitiao.reporting.labels import Label, weakest
from weitiao.reporting.passages import summary_of
from weitiao.reporting.verdict import verdict
from weitiao.reporting.worth import worth
from weitiao.results.format import baseline, number, short_label, whole_baseline
from weitiao.results.run_data import Material
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

OF = 1000  # shares are said of so many rows


def summary(material: Material, labels: list[Label]) -> Section:
    """The answer, the figures behind it, the weakest label, and what to keep in mind."""
    word = verdict(material.metrics, labels, material.short_budget)
    blocks: list[Any] = [*acceptance.blocks(material.metrics), word]
    if material.kept is not None and len(material.kept):
        judged = material.kept.judged
        bars, sentences = headline(judged, material)
        weak = weakest(labels)
        if weak is not None:
            sentences.append(weak_label(judged, weak))
        elif isinstance(judged, Labels):
            sentences += _confused(labels)
        sentences += weak_spots.weak_sentences(material.findings, but=("label",))
        sentences += weak_spots.check_sentences(material.findings)
        sentences += [told] if (told := worth(material.metrics)) else []
        blocks += [*([bars] if bars else []), Points(sentences)]
    blocks += [Words(text, "note") for text in _caveats(material)]
    return Section("answer", _("In short"), blocks)


@singledispatch
def headline(judged: Answers, material: Material) -> tuple[Bars | None, list[str]]:
    """How right the answers are beside the baselines', as bars and in words."""
    if judged.numeric:
        return _errors(material)
    right = judged.right()
    bars = [_share_bar(_("this model"), float(right.mean()), len(right), ours=True)]
    sentences = [_("Of {of} rows it gets {right} right.", of=f"{OF:,}", right=_of(right.mean()))]
    return Bars(_("Right rows of {of}", of=f"{OF:,}"), bars, 1.0), sentences


@headline.register
def _spans_found(judged: Spans, material: Material) -> tuple[Bars, list[str]]:
    return spans.found(_kept(material), material.metrics)


@headline.register
def _passages_right(judged: Passages, material: Material) -> tuple[Bars, list[str]]:
    return summary_of(material)


@headline.register
def _rows_right(judged: Labels, material: Material) -> tuple[Bars, list[str]]:
    kept = _kept(material)
    right = kept.judged.targets == kept.judged.values
    bars = [_share_bar(_("this model"), float(right.mean()), len(right), ours=True)]
    for name, values in kept.beside.items():
        share = float((values == kept.judged.targets).mean())
        bars.append(_share_bar(whole_baseline(name), share, len(right)))
    sentences = [_("Of {of} rows it gets {right} right.", of=f"{OF:,}", right=_of(right.mean()))]
    sentences += _against(material, "accuracy")
    return Bars(_("Right rows of {of}", of=f"{OF:,}"), bars, 1.0), sentences


@headline.register
def _labels_right(judged: LabelSets, material: Material) -> tuple[Bars, list[str]]:
    kept = _kept(material)
    found, wrong = _hits(kept.judged, kept.judged.values)
    bars = [Bar(_("this model"), found, _of(found), ours=True)]
    for name, values in kept.beside.items():
        share, _unused = _hits(kept.judged, values)
        bars.append(Bar(whole_baseline(name), share, _of(share)))
    sentences = [
        _(
            "Of {of} labels that the rows have it finds {found}; of {of} labels that it gives, "
            "{wrong} are wrong.",
            of=f"{OF:,}",
            found=_of(found),
            wrong=_of(wrong),
        )
    ]
    against = str(material.metrics.get("against"))
    if against in kept.beside:
        found, wrong = _hits(kept.judged, kept.beside[against])
        sentences.append(
            _(
                "The best baseline, {baseline}, finds {found}, and {wrong} of {of} that it gives "
                "are wrong.",
                baseline=baseline(against),
                found=_of(found),
                wrong=_of(wrong),
                of=f"{OF:,}",
            )
        )
    return Bars(_("Labels found of {of}", of=f"{OF:,}"), bars, 1.0), sentences


def _errors(material: Material) -> tuple[Bars, list[str]]:
    kept = _kept(material)
    truth = kept.judged.targets
    ours = float(np.abs(kept.judged.values - truth).mean())
    others = {name: float(np.abs(v - truth).mean()) for name, v in kept.beside.items()}
    bars = [Bar(_("this model"), ours, number(ours), ours=True)]
    bars += [Bar(whole_baseline(name), error, number(error)) for name, error in others.items()]
    sentences = [
        _(
            "On average an answer is {error} off; {target} runs from {lowest} to {highest} here.",
            error=number(ours),
            target=quoted(material.target),
            lowest=number(float(truth.min())),
            highest=number(float(truth.max())),
        )
    ]
    against = str(material.metrics.get("against"))
    if against in others:
        sentences.append(
            _(
                "The best baseline, {baseline}, is {error} off.",
                baseline=baseline(against),
                error=number(others[against]),
            )
        )
        sentences += _nearer(material.metrics)
    caption = _("How far an answer is off on average (less is better)")
    return Bars(caption, bars, max([ours, *others.values()]) or 1.0), sentences


def _nearer(metrics: Mapping[str, Any]) -> list[str]:
    gap, low, high = _difference(metrics, "mae")
    if math.isnan(low):
        return []
    if low > 0:
        return [
            _(
                "So it is {gap} nearer, with 95 % certainty between {low} and {high}.",
                gap=number(gap),
                low=number(low),
                high=number(high),
            )
        ]
    return [
        _(
            "The difference may be chance: anything from {low} further off to {high} nearer.",
            low=number(abs(low)),
            high=number(max(high, 0.0)),
        )
    ]


def _against(material: Material, name: str) -> list[str]:
    """How many more (or fewer) of 1,000 are right than with the best baseline."""
    against = str(material.metrics.get("against"))
    gap, low, high = _difference(material.metrics, name)
    if math.isnan(gap):
        return []
    told = {"count": _of(abs(gap)), "baseline": baseline(against)}
    if round(OF * gap) == 0:
        first = _("That is as many as with the best baseline, {baseline}.", **_only(told))
    elif gap > 0:
        first = _("That is {count} more than with the best baseline, {baseline}.", **told)
    else:
        first = _("That is {count} fewer than with the best baseline, {baseline}.", **told)
    if math.isnan(low):
        return [first]
    ends = {"low": _of(abs(low)), "high": _of(abs(high))}
    if low >= 0:
        return [first, _("With 95 % certainty it is between {low} and {high} more.", **ends)]
    if high <= 0:
        ends = {"low": ends["high"], "high": ends["low"]}
        return [first, _("With 95 % certainty it is between {low} and {high} fewer.", **ends)]
    chance = _(
        "That may be chance: with 95 % certainty it lies between {low} fewer and {high} more.",
        **ends,
    )
    return [first, chance]


@singledispatch
def weak_label(judged: Answers, label: Label) -> str:
    """The label with the lowest F1, in a sentence."""
    figures = _figures(label)
    if not label.mostly:
        return _(
            "The weakest label is {label}: all of its {rows} are found, but it is also given to "
            "{wrong} others.",
            label=figures["label"],
            rows=figures["rows"],
            wrong=f"{label.given - label.right:,}",
        )
    return _(
        "The weakest label is {label}: {right} of its {rows} are found; most of the others are "
        "taken for {other} ({count}).",
        **figures,
        other=quoted(short_label(label.mostly)),
        count=f"{label.mistaken:,}",
    )


@weak_label.register
def _weak_of_spans(judged: Spans, label: Label) -> str:
    return _(
        "The weakest label is {label}: {right} of its {there} spans are found, {wrong} are "
        "given wrongly.",
        label=quoted(short_label(label.name)),
        right=f"{label.right:,}",
        there=f"{label.rows:,}",
        wrong=f"{label.given - label.right:,}",
    )


@weak_label.register
def _weak_of_sets(judged: LabelSets, label: Label) -> str:
    return _(
        "The weakest label is {label}: found in {right} of its {rows}, and given wrongly "
        "{wrong} times.",
        **_figures(label),
        wrong=f"{label.given - label.right:,}",
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
    found = []
    metrics, folder = material.metrics, quoted(material.run.folder)
    if metrics.get("split") == "validation":
        found.append(
            _(
                "This is about {rows} of validation, which also picked the best weights: somewhat "
                "too good. `weitiao evaluate {run} --final` judges on the sealed test.",
                rows=plural(int(metrics["rows"]), "row"),
                run=folder,
            )
        )
    elif metrics.get("split") == "test":
        openings = int(metrics.get("openings") or 1)
        rows = plural(int(metrics["rows"]), "row")
        found.append(
            _("This is about {rows} of the sealed test, opened for the first time.", rows=rows)
            if openings == 1
            else _(
                "This is about {rows} of the test, opened {count} times by now: the more often, "
                "the less its figures prove.",
                rows=rows,
                count=openings,
            )
        )
    if material.state in ("interrupted", "failed", "running"):
        found.append(_unfinished(material))
    return found


def _unfinished(material: Material) -> str:
    run = quoted(material.run.folder)
    if material.state == "running":
        return _("The run is still training: the page shows what there is by now.")
    if material.state == "failed":
        return _("The run failed; the page shows how far it came.")
    return _(
        "The run was interrupted; `weitiao train --resume {run}` goes on where it stopped.", run=run
    )


def _share_bar(name: str, share: float, rows: int, ours: bool = False) -> Bar:
    low, high = wilson(share, rows)
    return Bar(name, share, _of(share), low, high, ours)


def _hits(judged: Answers, values: np.ndarray) -> tuple[float, float]:
    """The share of true labels that are found, and of given ones that are wrong."""
    right = float((judged.targets * values).sum())
    true, given = float(judged.targets.sum()), float(values.sum())
    return right / max(true, 1.0), (given - right) / max(given, 1.0)


def _difference(metrics: Mapping[str, Any], name: str) -> tuple[float, float, float]:
    found = (metrics.get("differences") or {}).get(name) or [math.nan] * 3
    value, low, high = (math.nan if x is None else float(x) for x in found)
    return value, low, high


def _of(share: Any) -> str:
    return f"{round(OF * round(float(share), 3)):,}"  # as the tables round it


def _only(told: Mapping[str, str]) -> dict[str, str]:
    return {"baseline": told["baseline"]}


def _kept(material: Material) -> Any:
    assert material.kept is not None
    return material.kept
