"""Statistics of the rows: labels in each split, lengths, languages; figures.json and its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.core.sanitize import visible
from weitiao.data.prepare.profile import language_of
from weitiao.i18n.messages import _, joined, localized, plural
from weitiao.reporting.error_plots import plot_label
from weitiao.reporting.render import Plot, Plots, Points, Section, Table, Words
from weitiao.results.format import language_name, number, round_edges, short_label, split_name
from weitiao.results.records import LengthHistogram, RowStatistics
from weitiao.results.run_data import Material
from weitiao.tasks.answers.passages import Passages

if TYPE_CHECKING:
    from weitiao.data.prepare.load import Data
    from weitiao.data.rows import Rows
    from weitiao.model.model import Model
    from weitiao.tasks.base import Task

MAX_PLOTTED_LABELS = 20
MAX_TABLE_LABELS = 200
MAX_STORED_LABELS = 1000
SAMPLED_ROWS = 500  # whose tokens are counted, evenly spaced
MAX_TOKENS = 10_000  # how far lengths are followed
BINS = 20


# --- the section


def rows_section(material: Material) -> Section:
    """Splits, plots, languages, history."""
    statistics = material.statistics
    blocks: list[Any] = []
    if statistics:
        blocks.append(_split_sizes(statistics))
        choice = next(iter(material.plan.model.long_texts))
        plots = []
        if len(statistics.labels or {}) > 1:
            plots.append(_label_plot(statistics))
        elif statistics.edges is not None:
            plots.append(_number_plot(statistics))
        if statistics.lengths is not None:
            plots.append(_length_plot(statistics.lengths, statistics.sampled, choice))
        if plots:
            blocks.append(Plots(plots))
    history = material.environment.history
    if history:
        blocks.append(Words(_("What was done to the rows:")))
        blocks.append(Points([visible(localized(line)) for line in history]))
    if not blocks:
        blocks.append(Words(_("The run ended before the rows were counted."), "note"))
    return Section("rows", _("Data"), blocks)


def _split_sizes(statistics: RowStatistics) -> Words:
    counts = {name: n for name, n in statistics.rows.items() if name != "sealed"}
    facts = [
        _("{part}: {rows}", part=split_name(name), rows=plural(n, "row"))
        for name, n in counts.items()
    ]
    if "test" not in counts and statistics.rows.get("sealed"):
        rows = plural(statistics.rows.get("sealed", 0), "row")
        facts.append(_("test: {rows}, still sealed", rows=rows))
    if statistics.unlabelled:
        facts.append(_("unlabelled: {rows}", rows=plural(statistics.unlabelled, "row")))
    shares = [
        f"{language_name(code)} {share:.0%}"
        for code, share in statistics.languages.items()
        if share >= 0.005
    ]
    facts.append(_("language: {shares}", shares=joined(shares, ", ")))
    return Words(" · ".join(facts))


def _label_plot(statistics: RowStatistics) -> Plot:
    """Proportions, so that splits of different size can be compared."""
    labels = statistics.labels or {}
    splits = {name: max(1, n) for name, n in statistics.rows.items() if name != "sealed"}
    shown = list(labels)[:MAX_PLOTTED_LABELS]
    series = [
        {
            "name": split_name(name),
            "values": [round(100 * labels[label][at] / total, 2) for label in shown],
        }
        for at, (name, total) in enumerate(splits.items())
    ]
    drawing = {
        "kind": "bars",
        "categories": [plot_label(label) for label in shown],
        "x": _("share of rows (%)"),
        "y": "",
        "flat": True,
        "series": series,
    }
    cells = [
        [short_label(label), *(f"{count:,}" for count in counts)]
        for label, counts in list(labels.items())[:MAX_TABLE_LABELS]
    ]
    count = statistics.label_count or len(labels)
    if count <= MAX_PLOTTED_LABELS:
        about = _("{labels}, by their share in each part.", labels=plural(count, "label"))
    else:
        about = _(
            "The {shown} most frequent of {labels}, by their share in each part.",
            shown=MAX_PLOTTED_LABELS,
            labels=plural(count, "label"),
        )
    title = _("Labels in each part")
    head = [_("label"), *map(split_name, splits)]
    table = Table(title, head, cells, range(1, len(head)), folded=True)
    return Plot("labels", title, about, drawing, table)


def _number_plot(statistics: RowStatistics) -> Plot:
    edges, counts = statistics.edges or [], statistics.counts or {}
    names = [number(edge) for edge in edges[:-1]]
    series = [
        {
            "name": split_name(name),
            "values": [round(100 * n / max(1, sum(histogram)), 2) for n in histogram],
        }
        for name, histogram in counts.items()
    ]
    drawing = {
        "kind": "bars",
        "categories": names,
        "x": _("target"),
        "y": _("share of rows (%)"),
        "series": series,
    }
    about = _(
        "The target runs from {lowest} to {highest}; its mean is {mean}.",
        lowest=number(statistics.lowest or 0.0),
        highest=number(statistics.highest or 0.0),
        mean=number(statistics.mean or 0.0),
    )
    title = _("Targets in each part")
    cells = [
        [name, *(f"{histogram[i]:,}" for histogram in counts.values())]
        for i, name in enumerate(names)
    ]
    head = [_("target"), *map(split_name, counts)]
    return Plot("labels", title, about, drawing, Table(title, head, cells, range(len(head)), True))


def _length_plot(lengths: LengthHistogram, sampled: int, choice: str) -> Plot:
    step, counts, cut = lengths.step, lengths.counts, lengths.cut
    names = [f"{at * step:,}" for at in range(len(counts))]
    names[-1] += "+"
    drawing: dict[str, Any] = {
        "kind": "bars",
        "categories": names,
        "x": _("tokens"),
        "y": _("rows"),
        "series": [{"name": _("rows"), "values": counts}],
    }
    if cut // step < len(counts):
        drawing["mark"] = {"x": cut / step - 0.5, "text": _("cut at {cut}", cut=f"{cut:,}")}
    share = lengths.share_cut
    values = {
        "rows": plural(sampled, "row"),
        "median": f"{lengths.median:,.0f}",
        "cut": f"{cut:,}",
        "share": f"{share:.0%}" if share >= 0.1 else f"{share:.1%}",
    }
    if not share:
        del values["share"]
        about = _(
            "Tokens of {rows} to train on: half have at most {median}, none more than {cut}.",
            **values,
        )
    elif lengths.windowed:
        about = _(
            "Tokens of {rows} to train on: half have at most {median}; {share} are longer than "
            "{cut} and are read in windows.",
            **values,
        )
    else:
        about = _(
            "Tokens of {rows} to train on: half have at most {median}; {share} are longer than "
            "{cut} and read as {choice} says.",
            **values,
            choice=f"model.long_texts: {choice}",
        )
    title = _("Length of the texts")
    cells = [[name, f"{count:,}"] for name, count in zip(names, counts, strict=True)]
    table = Table(title, [_("tokens from"), _("rows")], cells, [0, 1], folded=True)
    return Plot("lengths", title, about, drawing, table)


# --- what is counted


def statistics_of(model: Model, data: Data, test: Rows | None) -> RowStatistics:
    """Statistics of all splits. test: only when it has been opened anyway."""
    splits = {"train": data.train, "validation": data.validation}
    if test is not None:
        splits["test"] = test
    sealed = len(data.sealed_test) if data.sealed_test is not None else 0
    targets = {name: rows.targets() for name, rows in splits.items()}
    distribution = (_number_counts if model.task.numeric else _label_counts)(model.task, targets)
    return RowStatistics(
        rows={**{name: len(rows) for name, rows in splits.items()}, "sealed": sealed},
        unlabelled=len(data.unlabelled),
        **distribution,
        **_lengths_and_languages(model, data.train),
    )


def _label_counts(task: Task, targets: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Each label's rows in each split, the most frequent of train first."""
    counts = {name: Counter(task.label_counts(rows)) for name, rows in targets.items()}
    if issubclass(task.answers, Passages) and not all(map(all, targets.values())):
        counts = {
            name: Counter("answer" if golds else "no answer" for golds in rows)
            for name, rows in targets.items()
        }
    if not any(counts.values()):
        return {}
    total = sum(counts.values(), Counter())
    train = counts["train"]
    order = sorted(total, key=lambda label: (-train[label], -total[label], str(label)))
    stored = order[:MAX_STORED_LABELS]
    return {
        "labels": {str(label): [c[label] for c in counts.values()] for label in stored},
        "label_count": len(order),
    }


def _number_counts(task: Task, targets: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    every = np.concatenate([np.asarray(values, float) for values in targets.values()])
    edges = round_edges(float(every.min()), float(every.max()), BINS)
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in targets.items()}
    return {
        "edges": edges.tolist(),
        "counts": counts,
        "mean": float(every.mean()),
        "lowest": float(every.min()),
        "highest": float(every.max()),
    }


def _lengths_and_languages(model: Model, train: Rows) -> dict[str, Any]:
    """Tokens before truncation, and languages, of a sample of the training rows."""
    cut = int(model.tokenizer.model_max_length)
    picked = np.unique(np.linspace(0, len(train) - 1, min(SAMPLED_ROWS, len(train))).astype(int))
    examples = model.clean(train.examples(picked))
    ids = model.task.encode(examples, model.tokenizer, MAX_TOKENS)["input_ids"]
    lengths = np.array([len(row) for row in ids])
    languages = Counter(
        language_of(text) for row in zip(*model.task.texts(examples), strict=True) for text in row
    )
    histogram = _length_histogram(lengths, cut, windowed=model.task.head == "spans")
    total = max(1, languages.total())
    return {
        "lengths": histogram,
        "languages": {name: languages[name] / total for name in ("zh", "en", "other")},
        "sampled": len(lengths),
    }


def _length_histogram(lengths: np.ndarray, cut: int, windowed: bool) -> LengthHistogram:
    """A histogram in whole steps; the last bar holds everything from its edge on."""
    # Up to the 99 % quantile: one very long text would squeeze all others into the first bar.
    most = int(np.quantile(lengths, 0.99, method="higher")) + 1
    step = max(1, round(float(np.diff(round_edges(0, most, BINS))[0])))
    edges = np.arange(0, most + step, step)
    counts = np.bincount(np.minimum(lengths // step, len(edges) - 1), minlength=len(edges))
    return LengthHistogram(
        step=step,
        counts=counts.tolist(),
        cut=cut,
        share_cut=float((lengths > cut).mean()),
        median=float(np.median(lengths)),
        longest=int(lengths.max()),
        windowed=windowed,
    )
