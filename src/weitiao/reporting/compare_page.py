"""compare.html: contenders against the first one, in the style of report.html."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.core.sanitize import quoted, shortened, visible
from weitiao.evaluation.compare import Comparison, Gap
from weitiao.evaluation.intervals import wilson
from weitiao.evaluation.significance import McNemar
from weitiao.i18n.messages import _, joined, plural
from weitiao.reporting.changed_rows import changed_rows
from weitiao.reporting.error_plots import plot_label
from weitiao.reporting.page import write_html
from weitiao.reporting.render import (
    Bar,
    Bars,
    Interval,
    Intervals,
    Plot,
    Plots,
    Points,
    Section,
    Table,
    Verdict,
    Words,
    render,
)
from weitiao.reporting.scores import unit_of
from weitiao.results.comparison import (
    Compared,
    metric_with_direction,
    reason,
    share,
    signed,
    word,
)
from weitiao.results.format import figure, meaning, metric, short_label, split_name

MAX_PLOTTED_LABELS = 20  # in the plot; the table has all
MAX_SETTING_CHARACTERS = 120  # characters of a setting
KINDS = {"better": "go", "worse": "stop", "open": "open", "same": "open"}


def write(compared: Compared, path: Path, *, unmasked: bool = False) -> Path:
    """The page, in the current language."""
    title = " · ".join(compared.names)
    shown = sections(compared, unmasked)
    return write_html(path, render(title, _("Comparison"), _facts(compared), shown))


def sections(compared: Compared, unmasked: bool = False) -> list[Section]:
    """The page from top to bottom."""
    pairs = list(enumerate(compared.comparisons, 1))
    result = [_summary(compared)]
    result += [_figures(compared, at, one) for at, one in pairs]
    result += [_labels(compared, at, one) for at, one in pairs if one.labels]
    result += [changed_rows(compared, at, unmasked) for at, _ in pairs]
    return [*result, _plans(compared), _contenders(compared)]


def _facts(compared: Compared) -> list[str]:
    result = [plural(compared.comparisons[0].rows, "row")]
    if compared.split:
        result.append(_("evaluated on: {part}", part=split_name(compared.split)))
    return result


def _summary(compared: Compared) -> Section:
    first, many = compared.names[0], len(compared.comparisons) > 1
    blocks: list[Any] = []
    for name, one in zip(compared.names[1:], compared.comparisons, strict=True):
        message = word(one)
        if many:
            message = _("{name}: {verdict}", name=quoted(name), verdict=message)
        blocks.append(Verdict(KINDS[one.word], message, reason(first, name, one)))
    gaps = [one.gaps[0] for one in compared.comparisons]
    level = share(compared.comparisons[0].level)
    caption = _(
        "{metric}: difference from {first} with its {level} interval; the line is 0",
        metric=metric_with_direction(gaps[0]),
        first=quoted(first),
        level=level,
    )
    blocks += [_bars(compared), _drawn(caption, gaps, compared.names[1:])]
    blocks += [*(Words(message, "note") for message in _caveats(compared))]
    return Section("answer", _("Summary"), blocks)


def _bars(compared: Compared) -> Bars:
    """The deciding metric of each contender; of several seeds the mean, with lowest and highest."""
    gap = compared.comparisons[0].gaps[0]
    every = [gap.first, *(one.gaps[0].second for one in compared.comparisons)]
    rows, items = compared.comparisons[0].rows, []
    for at, (name, values) in enumerate(zip(compared.names, every, strict=True)):
        mean = float(np.mean(values))
        low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
        if len(values) == 1 and gap.name == "accuracy":
            low, high = wilson(mean, rows)
        items.append(Bar(name, max(mean, 0.0), figure(mean), _least(low), high, ours=at > 0))
    most = max(1.0 if _is_share(every) else 0.0, *(value for one in every for value in one))
    caption = _(
        "{metric}; the line is the 95 % interval of one run, lowest to highest of several seeds",
        metric=metric(gap.name),
    )
    return Bars(caption, items, most or 1.0)


def _drawn(caption: str, gaps: Sequence[Gap], names: Sequence[str]) -> Intervals:
    """Differences with their intervals; proportions share one scale, others have their own."""
    ends = [[abs(end) for end in gap.difference if math.isfinite(end)] for gap in gaps]
    shares = [max(gap.first + gap.second) <= 1 for gap in gaps]
    widest = max((x for one, is_share in zip(ends, shares, strict=True) if is_share for x in one),
                 default=0.0)  # fmt: skip
    items = []
    for gap, name, own, is_share in zip(gaps, names, ends, shares, strict=True):
        most = (widest if is_share else max(own, default=0.0)) or 1.0
        value, low, high = (end / most if math.isfinite(end) else None for end in gap.difference)
        text = _("{gap} ({interval})", gap=signed(gap.difference[0]), interval=_interval(gap))
        items.append(Interval(name, text, value, low, high, KINDS[_verdict(gap)]))
    return Intervals(caption, items)


def _verdict(gap: Gap) -> str:
    return {1: "better", -1: "worse", 0: "open"}[gap.change.sign]


def _is_share(every: list[tuple[float, ...]]) -> bool:
    return all(value <= 1 for one in every for value in one)


def _least(value: float | None) -> float | None:
    return None if value is None else max(value, 0.0)


def _caveats(compared: Compared) -> list[str]:
    kinds = [one.kind for one in compared.aligned.contenders]
    result = []
    if "recipe" in kinds:
        result.append(
            _(
                "Both the rows and the seeds are taken as samples: the interval says what other "
                "rows and other seeds of the same recipes would give."
            )
        )
        few = [one for one in compared.aligned.contenders if len(one.sets) == 2]
        if few:
            result.append(
                _("Two seeds are too few to estimate the standard deviation: use three or more.")
            )
    if kinds.count("run"):
        result.append(
            _(
                "A single run stands for itself: another seed of its plan may differ by a point "
                "or more. `weitiao train PLAN --seeds 5` shows how much."
            )
        )
    if compared.split == "validation":
        result.append(
            _(
                "These are validation rows, which also selected the checkpoints: scores are "
                "slightly optimistic for every run."
            )
        )
    if len(compared.comparisons) > 1:
        result.append(
            _(
                "{count} comparisons: each interval is one of {level}, so that all hold together "
                "with 95 % (Bonferroni).",
                count=len(compared.comparisons),
                level=share(compared.comparisons[0].level),
            )
        )
    return result


def _figures(compared: Compared, at: int, one: Comparison) -> Section:
    first, second = compared.names[0], compared.names[at]
    head = [
        _("metric"),
        first,
        second,
        _("difference"),
        _("{level} interval", level=share(one.level)),
        _("verdict"),
        _("meaning"),
    ]
    rows = [
        [
            metric_with_direction(gap),
            figure(gap.means[0]),
            figure(gap.means[1]),
            signed(gap.difference[0]),
            _interval(gap),
            _sign(gap),
            meaning(gap.name),
        ]
        for gap in one.gaps
    ]
    caption = _("Difference: second − first")
    blocks: list[Any] = [Table(caption, head, rows, [1, 2, 3, 4])]
    drawn = _("Second − first, with {level} intervals; the line is 0", level=share(one.level))
    blocks.append(_drawn(drawn, one.gaps, [metric_with_direction(gap) for gap in one.gaps]))
    if one.mcnemar is not None:
        blocks += _mcnemar(one.mcnemar, first, second)
    if max(len(one.gaps[0].first), len(one.gaps[0].second)) > 1:
        blocks.append(_by_seed(compared, at, one))
    title = _("Differences: {first} → {second}", first=first, second=second)
    return Section(f"figures-{at}", title, blocks)


def _mcnemar(test: McNemar, first: str, second: str) -> list[Any]:
    message = _(
        "Right only with {second}: {only_second}; only with {first}: {only_first}; with both: "
        "{both}; with neither: {neither} (McNemar test, {how}: p = {p_value}).",
        only_second=plural(test.only_second, "row"),
        only_first=f"{test.only_first:,}",
        both=f"{test.both:,}",
        neither=f"{test.neither:,}",
        first=quoted(first),
        second=quoted(second),
        p_value=_p_value(test.p_value),
        how=_("exact") if test.exact else _("chi-square"),
    )
    return [Points([message])]


def _by_seed(compared: Compared, at: int, one: Comparison) -> Table:
    gap = one.gaps[0]
    sides = (0, gap.first), (at, gap.second)
    rows = []
    for place, values in sides:
        contender = compared.aligned.contenders[place]
        for position, value in enumerate(values):
            run = contender.runs[position] if contender.runs else None
            seed = str(run.plan().train.seed) if run else "–"
            rows.append([compared.names[place], seed, figure(value)])
        if len(values) > 1:
            mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
            text = _("mean {mean}, std {std}", mean=figure(mean), std=figure(std))
            rows.append([compared.names[place], _("all"), text])
    head = [_("name"), _("seed"), metric(gap.name)]
    return Table(_("Seed by seed"), head, rows, [1, 2], folded=True)


def _labels(compared: Compared, at: int, one: Comparison) -> Section:
    first, second = compared.names[0], compared.names[at]
    order = sorted(one.labels, key=lambda gap: -abs(gap.change.value))
    shown = order[:MAX_PLOTTED_LABELS]
    drawing = {
        "kind": "bars",
        "categories": [plot_label(gap.name) for gap in shown],
        "x": "F1",
        "y": "",
        "flat": True,
        "series": [
            {"name": plot_label(name), "values": [round(gap.means[side], 4) for gap in shown]}
            for side, name in enumerate((first, second))
        ],
    }
    unit = unit_of(compared.aligned.base.answers)
    head = [_("label"), unit, first, second, _("difference"), _("interval"), _("verdict")]
    rows = [
        [
            short_label(gap.name),
            f"{gap.rows:,}",
            figure(gap.means[0]),
            figure(gap.means[1]),
            signed(gap.difference[0]),
            _interval(gap),
            _sign(gap),
        ]
        for gap in order
    ]
    clear = [gap for gap in order if gap.change.sign]
    message = (
        _(
            "F1 of each label, the largest change first. Significant: {labels}.",
            labels=joined((quoted(short_label(gap.name)) for gap in clear[:8]), ", "),
        )
        if clear
        else _("F1 of each label, the largest change first. No change is significant.")
    )
    caption = _("Intervals are corrected for the number of labels (Bonferroni)")
    table = Table(caption, head, rows, [1, 2, 3, 4, 5])
    title = _("Label by label: {first} → {second}", first=first, second=second)
    plot = Plot(f"labels-{at}", _("F1 by label"), message, drawing, table, wide=True)
    return Section(f"labels-{at}", title, [Plots([plot])])


def _plans(compared: Compared) -> Section:
    settings = compared.settings()
    planned = [one.plan is not None for one in compared.aligned.contenders]
    if sum(planned) < 2:
        message = _("Fewer than two of them have a plan.")
        return Section("plans", _("What the plans differ in"), [Words(message, "note")])
    if not settings:
        message = (
            _("The plans are the same, but for the seed.")
            if _recipes(compared)
            else _("The plans are the same.")
        )
        return Section("plans", _("What the plans differ in"), [Words(message)])
    rows = [[path, *(_setting(value) for value in values)] for path, values in settings.items()]
    table = Table(_("Settings"), [_("setting"), *compared.names], rows)
    return Section("plans", _("What the plans differ in"), [table])


def _recipes(compared: Compared) -> bool:
    return any(one.kind == "recipe" for one in compared.aligned.contenders)


def _contenders(compared: Compared) -> Section:
    kinds = {"run": _("run"), "recipe": _("recipe"), "file": _("predictions")}
    rows = []
    for name, one in zip(compared.names, compared.aligned.contenders, strict=True):
        split = ", ".join(dict.fromkeys(split_name(part) for part in one.splits)) or "–"
        rows.append(
            [
                name,
                kinds[one.kind],
                str(len(one.sets)),
                f"{len(one.sets[0].ids):,}",
                split,
                visible(one.name),
            ]
        )
    head = [_("name"), _("kind"), _("seeds"), _("rows"), _("evaluated on"), _("path")]
    blocks: list[Any] = [Table(_("What was compared"), head, rows, [2, 3])]
    if compared.aligned.notes:
        blocks.append(Points([visible(note) for note in compared.aligned.notes]))
    return Section("contenders", _("What was compared"), blocks)


def _interval(gap: Gap) -> str:
    _value, low, high = gap.difference
    if math.isnan(low):
        return _("unknown")
    return _("{low} to {high}", low=signed(low), high=signed(high))


def _sign(gap: Gap) -> str:
    return {1: _("better"), -1: _("worse"), 0: _("may be chance")}[gap.change.sign]


def _p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _setting(value: Any) -> str:
    if value is None:
        return "–"
    return shortened(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
        MAX_SETTING_CHARACTERS,
    )
