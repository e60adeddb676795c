"""What the rows are like: labels in each part, lengths, languages, what was done to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weitiao.core.sanitize import visible
from weitiao.i18n.messages import _, localized, plural
from weitiao.reporting.blocks import Plot, Plots, Points, Section, Table, Words
from weitiao.reporting.error_plots import name_of
from weitiao.results.format import number, short_label
from weitiao.results.run_data import Material

MOST = 20  # labels in the plot; the table has more
MOST_TOLD = 200  # labels in the table


def rows(material: Material) -> Section:
    """Parts, plots, languages, history."""
    figures = material.figures
    blocks: list[Any] = []
    if figures:
        blocks.append(_parts(figures))
        plots = [_lengths(figures["lengths"], figures["sampled"],
                          next(iter(material.plan.model.long_texts)))]  # fmt: skip
        if "labels" in figures or "edges" in figures:
            plots.insert(0, _labels(figures) if "labels" in figures else _numbers(figures))
        blocks.append(Plots(plots))
    history = material.environment.get("history") or []
    if history:
        blocks.append(Words(_("What was done to the rows:")))
        blocks.append(Points([visible(localized(line)) for line in history]))
    if not blocks:
        blocks.append(Words(_("The run ended before the rows were looked at."), "note"))
    return Section("rows", _("The rows"), blocks)


def part_name(name: str) -> str:
    """A part of the rows as people say it."""
    told = {"train": _("train"), "validation": _("validation"), "test": _("test")}
    return told.get(name, name)


def _parts(figures: Mapping[str, Any]) -> Words:
    counts = {name: n for name, n in figures["rows"].items() if name != "sealed"}
    told = [_("{part}: {rows}", part=part_name(name), rows=plural(n, "row"))
            for name, n in counts.items()]  # fmt: skip
    if "test" not in counts and figures["rows"].get("sealed"):
        rows = plural(figures["rows"]["sealed"], "row")
        told.append(_("test: {rows}, still sealed", rows=rows))
    if figures.get("unlabelled"):
        told.append(_("unlabelled: {rows}", rows=plural(figures["unlabelled"], "row")))
    names = {"zh": _("Chinese"), "en": _("English or another in Latin script"),
             "other": _("other")}  # fmt: skip
    shares = [
        f"{names[name]} {share:.0%}"
        for name, share in figures["languages"].items()
        if share >= 0.005
    ]
    told.append(_("language: {shares}", shares=", ".join(shares)))
    return Words(" · ".join(told))


def _labels(figures: Mapping[str, Any]) -> Plot:
    """Shares, so that parts of different size can be compared."""
    labels: Mapping[str, list[int]] = figures["labels"]
    parts = [name for name in figures["rows"] if name != "sealed"]
    totals = [max(1, figures["rows"][name]) for name in parts]
    shown = list(labels)[:MOST]
    drawing = {
        "kind": "bars",
        "categories": [name_of(label) for label in shown],
        "x": _("share of rows (%)"),
        "y": "",
        "flat": True,
        "series": [
            {"name": part_name(name),
             "values": [round(100 * labels[label][at] / totals[at], 2) for label in shown]}
            for at, name in enumerate(parts)
        ],
    }  # fmt: skip
    cells = [[short_label(label), *(f"{count:,}" for count in counts)]
             for label, counts in list(labels.items())[:MOST_TOLD]]  # fmt: skip
    count = int(figures["label_count"])
    told = (
        _("{labels}, by their share in each part.", labels=plural(count, "label"))
        if count <= MOST
        else _(
            "The {shown} most frequent of {labels}, by their share in each part.",
            shown=MOST,
            labels=plural(count, "label"),
        )
    )
    title = _("Labels in each part")
    head = [_("label"), *(part_name(name) for name in parts)]
    table = Table(title, head, cells, range(1, len(head)), folded=True)
    return Plot("labels", title, told, drawing, table)


def _numbers(figures: Mapping[str, Any]) -> Plot:
    edges, counts = figures["edges"], figures["counts"]
    names = [number(edge) for edge in edges[:-1]]
    drawing = {
        "kind": "bars",
        "categories": names,
        "x": _("target"),
        "y": _("share of rows (%)"),
        "series": [
            {"name": part_name(name),
             "values": [round(100 * n / max(1, sum(found)), 2) for n in found]}
            for name, found in counts.items()
        ],
    }  # fmt: skip
    told = _(
        "The target runs from {lowest} to {highest}; its mean is {mean}.",
        lowest=number(figures["lowest"]),
        highest=number(figures["highest"]),
        mean=number(figures["mean"]),
    )
    title = _("Targets in each part")
    cells = [[name, *(f"{found[i]:,}" for found in counts.values())]
             for i, name in enumerate(names)]  # fmt: skip
    head = [_("target"), *(part_name(name) for name in counts)]
    return Plot("labels", title, told, drawing, Table(title, head, cells, range(len(head)), True))


def _lengths(lengths: Mapping[str, Any], sampled: int, choice: str) -> Plot:
    step, counts, cut = int(lengths["step"]), lengths["counts"], int(lengths["cut"])
    names = [f"{at * step:,}" for at in range(len(counts))]
    names[-1] += "+"
    drawing: dict[str, Any] = {
        "kind": "bars",
        "categories": names,
        "x": _("tokens"),
        "y": _("rows"),
        "series": [{"name": _("rows"), "values": counts}],
    }
    share = float(lengths["share_cut"])
    if cut // step < len(counts):
        drawing["mark"] = {"x": cut / step - 0.5, "text": _("cut at {cut}", cut=f"{cut:,}")}
    told = _(
        "Tokens of {rows} to train on: half have at most {median}, none more than {cut}.",
        rows=plural(sampled, "row"),
        median=f"{lengths['median']:,.0f}",
        cut=f"{cut:,}",
    )
    if share:
        told = _(
            "Tokens of {rows} to train on: half have at most {median}; {share} are longer than "
            "{cut} and read as {choice} says.",
            choice=f"model.long_texts: {choice}",
            rows=plural(sampled, "row"),
            median=f"{lengths['median']:,.0f}",
            share=f"{share:.0%}" if share >= 0.1 else f"{share:.1%}",
            cut=f"{cut:,}",
        )
    if share and lengths.get("windowed"):
        told = _(
            "Tokens of {rows} to train on: half have at most {median}; {share} are longer than "
            "{cut} and are read in windows.",
            rows=plural(sampled, "row"),
            median=f"{lengths['median']:,.0f}",
            share=f"{share:.0%}" if share >= 0.1 else f"{share:.1%}",
            cut=f"{cut:,}",
        )
    title = _("Length of the texts")
    cells = [[name, f"{count:,}"] for name, count in zip(names, counts, strict=True)]
    table = Table(title, [_("tokens from"), _("rows")], cells, [0, 1], folded=True)
    return Plot("lengths", title, told, drawing, table)
