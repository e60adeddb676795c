"""compare.html: one contender against another, in the style of report.html."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.core.sanitize import quoted, shortened, visible
from weitiao.evaluation.compare import Comparison, Gap
from weitiao.evaluation.intervals import wilson
from weitiao.evaluation.significance import McNemar
from weitiao.i18n.messages import _, plural
from weitiao.reporting import compare_rows
from weitiao.reporting.blocks import Bar, Bars, Plot, Plots, Points, Section, Table, Verdict, Words
from weitiao.reporting.error_plots import name_of
from weitiao.reporting.labels import unit_of
from weitiao.reporting.page import put
from weitiao.reporting.render import render
from weitiao.reporting.row_statistics import part_name
from weitiao.results.format import figure, meaning, metric, short_label
from weitiao.results.result import Compared, reason, share, signed, word

MOST_LABELS = 20  # in the plot; the table has all
LONGEST = 120  # characters of a setting
KINDS = {"better": "go", "worse": "stop", "open": "open", "same": "open"}


def write(compared: Compared, path: Path, *, unmasked: bool = False) -> Path:
    """The page, in the current language."""
    title = " · ".join(compared.names)
    return put(path, render(title, _("Comparison"), _facts(compared),
                            sections(compared, unmasked)))  # fmt: skip


def sections(compared: Compared, unmasked: bool = False) -> list[Section]:
    """The page from top to bottom."""
    pairs = list(enumerate(compared.comparisons, 1))
    found = [_summary(compared)]
    found += [_figures(compared, at, one) for at, one in pairs]
    found += [_labels(compared, at, one) for at, one in pairs if one.labels]
    found += [compare_rows.section(compared, at, unmasked) for at, _ in pairs]
    return [*found, _plans(compared), _contenders(compared)]


def _facts(compared: Compared) -> list[str]:
    found = [plural(compared.comparisons[0].rows, "row")]
    if compared.split:
        found.append(_("judged on: {part}", part=part_name(compared.split)))
    return found


def _summary(compared: Compared) -> Section:
    first, several = compared.names[0], len(compared.comparisons) > 1
    blocks: list[Any] = []
    for name, one in zip(compared.names[1:], compared.comparisons, strict=True):
        told = word(one)
        if several:
            told = _("{name}: {verdict}", name=quoted(name), verdict=told)
        blocks.append(Verdict(KINDS[one.word], told, reason(first, name, one)))
    blocks += [_bars(compared), *(Words(told, "note") for told in _caveats(compared))]
    return Section("answer", _("In short"), blocks)


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
    caption = _("{metric}; the line is the 95 % interval of one run, lowest to highest of "
                   "several seeds", metric=metric(gap.name))  # fmt: skip
    return Bars(caption, items, most or 1.0)


def _is_share(every: list[tuple[float, ...]]) -> bool:
    return all(value <= 1 for one in every for value in one)


def _least(value: float | None) -> float | None:
    return None if value is None else max(value, 0.0)


def _caveats(compared: Compared) -> list[str]:
    kinds = [one.kind for one in compared.aligned.contenders]
    found = []
    if "recipe" in kinds:
        found.append(
            _(
                "Both the rows and the seeds are taken as samples: the interval says what other "
                "rows and other seeds of the same recipes would give."
            )
        )
        few = [one for one in compared.aligned.contenders if len(one.sets) == 2]
        if few:
            found.append(_("Two seeds say hardly anything about their spread: take three or "
                              "more."))  # fmt: skip
    if kinds.count("run"):
        found.append(
            _(
                "A single run stands for itself: another seed of its plan may differ by a point "
                "or more. `weitiao train PLAN --seeds 5` shows how much."
            )
        )
    if compared.split == "validation":
        found.append(
            _("These are validation rows, which also picked the best weights: somewhat too "
                 "good for every run.")
        )  # fmt: skip
    if len(compared.comparisons) > 1:
        found.append(
            _("{count} comparisons at once: each interval is one of {level}, so that all hold "
                 "together with 95 %.", count=len(compared.comparisons),
                 level=share(compared.comparisons[0].level))
        )  # fmt: skip
    return found


def _figures(compared: Compared, at: int, one: Comparison) -> Section:
    first, second = compared.names[0], compared.names[at]
    head = [_("metric"), first, second, _("difference"),
            _("{level} interval", level=share(one.level)), _("verdict"),
            _("what it says")]  # fmt: skip
    rows = [[metric(gap.name), figure(gap.means[0]), figure(gap.means[1]),
             signed(gap.change.value), _interval(gap), _sign(gap), meaning(gap.name)]
            for gap in one.gaps]  # fmt: skip
    caption = _("Positive differences: {second} is better", second=second)
    blocks: list[Any] = [Table(caption, head, rows, [1, 2, 3, 4])]
    if one.mcnemar is not None:
        blocks += _mcnemar(one.mcnemar, first, second)
    if max(len(one.gaps[0].first), len(one.gaps[0].second)) > 1:
        blocks.append(_by_seed(compared, at, one))
    title = _("Differences: {first} → {second}", first=first, second=second)
    return Section(f"figures-{at}", title, blocks)


def _mcnemar(found: McNemar, first: str, second: str) -> list[Any]:
    how = _("exact") if found.exact else _("chi-square")
    told = _(
        "{only_second} are right only with {second}, {only_first} only with {first}, {both} with "
        "both, {neither} with neither. If both were equally good, a split as uneven would come "
        "about with probability {chance} (McNemar, {how}).",
        only_second=plural(found.only_second, "row"),
        only_first=f"{found.only_first:,}",
        both=f"{found.both:,}",
        neither=f"{found.neither:,}",
        first=quoted(first),
        second=quoted(second),
        chance=_chance(found.p_value),
        how=how,
    )
    return [Points([told])]


def _by_seed(compared: Compared, at: int, one: Comparison) -> Table:
    gap = one.gaps[0]
    sides = (0, gap.first), (at, gap.second)
    rows = []
    for place, values in sides:
        contender = compared.aligned.contenders[place]
        for number, value in enumerate(values):
            run = contender.runs[number] if contender.runs else None
            seed = str(run.plan().train.seed) if run else "–"
            rows.append([compared.names[place], seed, figure(value)])
        if len(values) > 1:
            spread = figure(float(np.std(values, ddof=1)))
            told = _("mean {mean}, spread {spread}", mean=figure(float(np.mean(values))),
                        spread=spread)  # fmt: skip
            rows.append([compared.names[place], _("all"), told])
    head = [_("name"), _("seed"), metric(gap.name)]
    return Table(_("Seed by seed"), head, rows, [1, 2], folded=True)


def _labels(compared: Compared, at: int, one: Comparison) -> Section:
    first, second = compared.names[0], compared.names[at]
    order = sorted(one.labels, key=lambda gap: -abs(gap.change.value))
    shown = order[:MOST_LABELS]
    drawing = {
        "kind": "bars",
        "categories": [name_of(gap.name) for gap in shown],
        "x": "F1",
        "y": "",
        "flat": True,
        "series": [
            {"name": name_of(name), "values": [round(gap.means[side], 4) for gap in shown]}
            for side, name in enumerate((first, second))
        ],
    }
    unit = unit_of(compared.aligned.base.answers)
    head = [_("label"), unit, first, second, _("difference"),
            _("interval"), _("verdict")]  # fmt: skip
    rows = [[short_label(gap.name), f"{gap.rows:,}", figure(gap.means[0]), figure(gap.means[1]),
             signed(gap.change.value), _interval(gap), _sign(gap)] for gap in order]  # fmt: skip
    clear = [gap for gap in order if gap.change.sign]
    told = (
        _("F1 of each label, the largest change first. Beyond chance: {labels}.",
             labels=", ".join(quoted(short_label(gap.name)) for gap in clear[:8]))
        if clear
        else _("F1 of each label, the largest change first. No change is beyond chance.")
    )  # fmt: skip
    caption = _("The intervals allow for all labels being looked at")
    table = Table(caption, head, rows, [1, 2, 3, 4, 5])
    title = _("Label by label: {first} → {second}", first=first, second=second)
    plot = Plot(f"labels-{at}", _("F1 by label"), told, drawing, table, wide=True)
    return Section(f"labels-{at}", title, [Plots([plot])])


def _plans(compared: Compared) -> Section:
    settings = compared.settings()
    planned = [one.plan is not None for one in compared.aligned.contenders]
    if sum(planned) < 2:
        told = _("Fewer than two of them have a plan.")
        return Section("plans", _("What the plans differ in"), [Words(told, "note")])
    if not settings:
        told = _("The plans are the same, but for the seed.") if _recipes(compared) else _(
            "The plans are the same.")  # fmt: skip
        return Section("plans", _("What the plans differ in"), [Words(told)])
    rows = [[path, *(_setting(value) for value in values)] for path, values in settings.items()]
    table = Table(_("Settings"), [_("setting"), *compared.names], rows)
    return Section("plans", _("What the plans differ in"), [table])


def _recipes(compared: Compared) -> bool:
    return any(one.kind == "recipe" for one in compared.aligned.contenders)


def _contenders(compared: Compared) -> Section:
    kinds = {"run": _("run"), "recipe": _("recipe"), "file": _("predictions")}
    rows = []
    for name, one in zip(compared.names, compared.aligned.contenders, strict=True):
        split = ", ".join(dict.fromkeys(part_name(part) for part in one.splits)) or "–"
        rows.append([name, kinds[one.kind], str(len(one.sets)), f"{len(one.sets[0].ids):,}",
                     split, visible(one.name)])  # fmt: skip
    head = [_("name"), _("kind"), _("seeds"), _("rows"), _("judged on"),
            _("where it lies")]  # fmt: skip
    blocks: list[Any] = [Table(_("What was compared"), head, rows, [2, 3])]
    if compared.aligned.notes:
        blocks.append(Points([visible(note) for note in compared.aligned.notes]))
    return Section("contenders", _("What was compared"), blocks)


def _interval(gap: Gap) -> str:
    if math.isnan(gap.change.low):
        return _("unknown")
    return _("{low} to {high}", low=signed(gap.change.low), high=signed(gap.change.high))


def _sign(gap: Gap) -> str:
    return {1: _("better"), -1: _("worse"), 0: _("may be chance")}[gap.change.sign]


def _chance(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _setting(value: Any) -> str:
    if value is None:
        return "–"
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
                     LONGEST)  # fmt: skip
