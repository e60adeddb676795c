"""Scores with their intervals beside the baselines, and every label's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.i18n.messages import _, localized, plural
from weitiao.reporting.blocks import Section, Table, Words
from weitiao.reporting.labels import Label, unit_of
from weitiao.results.format import (
    figure,
    meaning,
    metric,
    short_baseline,
    short_label,
    whole_baseline,
)
from weitiao.results.run_data import Material
from weitiao.tasks.answers.base import Answers

OPEN = 15  # labels that are shown without a click
MOST = 200  # that are shown at all


def scores(material: Material, labels: list[Label]) -> Section:
    """The two tables, and what the baselines are."""
    blocks: list[Any] = []
    if material.metrics:
        blocks += [_of_metrics(material.metrics), *_of_baselines(material.metrics)]
    else:
        blocks.append(Words(_("This run has not been judged."), "note"))
    if material.metrics.get("levels"):
        blocks.append(_of_levels(material.metrics["levels"]))
    if labels:
        blocks.append(_of_labels(labels, _unit(material)))
    return Section("scores", _("Scores"), blocks)


def _of_metrics(metrics: Mapping[str, Any]) -> Table:
    baselines = metrics.get("baselines") or {}
    rows = []
    for name, value in metrics["metrics"].items():
        low, high = (metrics.get("intervals") or {}).get(name) or (None, None)
        told = figure(low)
        if low is not None and low == low:
            told = _("{low} to {high}", low=figure(low), high=figure(high))
        others = [figure(values.get(name)) for values in baselines.values()]
        rows.append([metric(name), figure(value), told, *others, meaning(name)])
    head = [_("metric"), _("this model"), _("95 % interval"),
            *(short_baseline(name) for name in baselines), _("what it says")]  # fmt: skip
    split = {"test": _("test"), "validation": _("validation")}.get(metrics["split"], "")
    caption = _("Scores on {rows} ({split})", rows=plural(int(metrics["rows"]), "row"), split=split)
    return Table(caption, head, rows, range(1, len(head) - 1))


def _of_baselines(metrics: Mapping[str, Any]) -> list[Words]:
    found = []
    for name, detail in (metrics.get("details") or {}).items():
        if "features" in detail:
            told = _(
                "{baseline} was chosen on validation: {features}.",
                baseline=whole_baseline(name),
                features=localized(detail["features"]),
            )
            found.append(Words(told, "note"))
    return found + [Words(localized(one), "note") for one in metrics.get("left_out") or []]


def _of_levels(levels: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for one in levels:
        between = _("unknown")
        if one.get("low") is not None:
            between = _("{low} to {high}", low=figure(one["low"]), high=figure(one["high"]))
        rows.append([str(one["level"]), f"{one['nodes']:,}", figure(one["accuracy"]), between])
    head = [_("level"), _("labels"), _("accuracy"), _("95 % interval")]
    return Table(_("Each level of the labels, the top first"), head, rows, range(4))


def _unit(material: Material) -> str:
    """What is counted of a label."""
    return unit_of(Answers if material.kept is None else material.kept.judged)


def _of_labels(labels: list[Label], unit: str) -> Table:
    weakest_first = sorted(labels, key=lambda label: (not label.rows, label.f1))
    rows = []
    for label in weakest_first[:MOST]:
        mostly = ""
        if label.mostly:
            other = short_label(label.mostly)
            mostly = _("{label} ({count})", label=other, count=f"{label.mistaken:,}")
        rows.append(
            [
                short_label(label.name),
                f"{label.rows:,}",
                figure(label.precision),
                figure(label.recall),
                figure(label.f1),
                mostly,
            ]
        )
    head = [_("label"), unit, _("precision"), _("recall"), "F1",
            _("most often taken for")]  # fmt: skip
    if not any(label.mostly for label in labels):
        head, rows = head[:-1], [row[:-1] for row in rows]
    caption = _("Every label, the weakest first")
    if len(labels) > MOST:
        caption = _("The {shown} weakest of {all} labels", shown=MOST, all=f"{len(labels):,}")
    return Table(caption, head, rows, range(1, 5), folded=len(rows) > OPEN)
