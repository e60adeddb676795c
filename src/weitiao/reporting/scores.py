"""Metrics with their intervals and those of the baselines, by label, by level and by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.core.units import UNDEFINED
from weitiao.i18n.messages import _, localized, name_list, plural
from weitiao.reporting.render import Section, Table, Words
from weitiao.results.format import (
    figure,
    meaning,
    metric,
    metric_in_both,
    short_baseline,
    short_label,
    whole_baseline,
)
from weitiao.results.records import LevelScore, MetricsRecord, SeedRun, SeedsRecord
from weitiao.results.run_data import Material
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels

OPEN_LABELS = 15  # shown without a click
MAX_LABELS = 200
MOST_ABSENT = 5  # named
MIN_LABEL_ROWS = 5  # with fewer rows, its scores say nothing about a label


# --- scores of labels


@dataclass(frozen=True)
class Label:
    """Counts of one label. mostly: the label most often predicted instead; "" for none."""

    name: str
    rows: int  # with this gold label; of spans, gold spans
    predicted: int  # with this predicted label
    right: int  # both
    mostly: str = ""
    mistaken: int = 0  # rows predicted as `mostly`

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else float("nan")

    @property
    def recall(self) -> float:
        return self.right / self.rows if self.rows else float("nan")

    @property
    def f1(self) -> float:
        both = self.rows + self.predicted
        return 2 * self.right / both if both else float("nan")

    @property
    def useless(self) -> bool:
        """Whether there are more than four mistakes about it for each correct prediction."""
        return self.rows >= MIN_LABEL_ROWS and self.f1 < 1 / 3


@dataclass(frozen=True)
class Confusion:
    """A cell of the confusion matrix; gold and predicted are label indices."""

    gold: int
    predicted: int
    rows: int


def confusions(answers: Labels) -> list[Confusion]:
    """The cells of the confusion matrix that are not empty, the most frequent first."""
    return [Confusion(*one) for one in answers.confusions()]


def unit_of(answers: Answers | type[Answers]) -> str:
    """What is counted of a label, in words."""
    return {"rows": _("rows"), "spans": _("spans")}[answers.unit]


def labels_of(answers: Answers) -> list[Label]:
    """Every label that is gold or predicted somewhere, in the labels' order."""
    counts = answers.label_counts(np.ones((1, len(answers))))
    right, predicted, rows = (one[0].astype(int) for one in counts)
    if not len(rows):
        return []
    worst: dict[int, Confusion] = {}
    for one in confusions(answers) if isinstance(answers, Labels) else ():
        if one.gold != one.predicted:
            worst.setdefault(one.gold, one)
    return [
        Label(
            name,
            int(rows[i]),
            int(predicted[i]),
            int(right[i]),
            answers.labels[worst[i].predicted] if i in worst else "",
            worst[i].rows if i in worst else 0,
        )
        for i, name in enumerate(answers.labels)
        if rows[i] or predicted[i]
    ]


def weakest(labels: list[Label]) -> Label | None:
    """The label with the lowest F1 of those with enough rows; None when all are faultless."""
    known = [label for label in labels if label.rows >= MIN_LABEL_ROWS and label.f1 < 1]
    return min(known, key=lambda label: label.f1, default=None)


def most_confused(answers: Labels, most: int) -> list[int]:
    """The labels that take part in most mistakes, in the labels' order."""
    mistakes = np.zeros(len(answers.labels), int)
    for one in confusions(answers):
        if one.gold != one.predicted:
            mistakes[one.gold] += one.rows
            mistakes[one.predicted] += one.rows
    return sorted(int(i) for i in np.argsort(-mistakes, kind="stable")[:most])


# --- the section


def scores_section(material: Material, labels: list[Label]) -> Section:
    """Tables of metrics, levels and labels, and how the baselines were chosen."""
    metrics = material.metrics
    blocks: list[Any] = []
    if metrics:
        blocks += [_metrics_table(metrics), *_baseline_notes(metrics)]
    else:
        blocks.append(Words(_("This run has not been evaluated."), "note"))
    if metrics.levels:
        blocks.append(_levels_table(metrics.levels))
    if labels:
        answers = Answers if material.stored is None else material.stored.answers
        blocks.append(_labels_table(labels, unit_of(answers)))
    return Section("scores", _("Metrics"), blocks)


def _metrics_table(metrics: MetricsRecord) -> Table:
    rows = []
    for name, value in metrics.metrics.items():
        low, high = metrics.intervals.get(name) or (None, None)
        interval = figure(low)
        if low is not None and low == low:
            interval = _("{low} to {high}", low=figure(low), high=figure(high))
        others = [figure(values.get(name)) for values in metrics.baselines.values()]
        rows.append([metric_in_both(name), figure(value), interval, *others, meaning(name)])
    head = [
        _("metric"),
        _("this model"),
        _("95 % interval"),
        *(short_baseline(name) for name in metrics.baselines),
        _("meaning"),
    ]
    split = {"test": _("test"), "validation": _("validation")}.get(metrics.split, "")
    caption = _("Metrics on {rows} ({split})", rows=plural(metrics.rows, "row"), split=split)
    return Table(caption, head, rows, range(1, len(head) - 1))


def _baseline_notes(metrics: MetricsRecord) -> list[Words]:
    notes = []
    for name, detail in metrics.details.items():
        if detail.features:
            message = _(
                "{baseline} was chosen on validation: {features}.",
                baseline=whole_baseline(name),
                features=localized(detail.features),
            )
            notes.append(Words(message, "note"))
    if metrics.absent:
        notes.append(Words(absent_sentence(metrics.absent), "note"))
    return notes + [Words(localized(one), "note") for one in metrics.left_out]


def absent_sentence(labels: Sequence[str]) -> str:
    """What is said of labels without an evaluated row."""
    return _(
        "{labels} without a row here ({some}): macro F1 and other means are over the labels that "
        "occur, and say nothing of these.",
        labels=plural(len(labels), "label"),
        some=name_list(labels, MOST_ABSENT, quoted=True),
    )


def _levels_table(levels: Sequence[LevelScore]) -> Table:
    rows = []
    for one in levels:
        interval = UNDEFINED
        if one.low is not None:
            interval = _("{low} to {high}", low=figure(one.low), high=figure(one.high))
        rows.append([str(one.level), f"{one.nodes:,}", figure(one.accuracy), interval])
    head = [_("level"), _("labels"), _("accuracy"), _("95 % interval")]
    return Table(_("Each level of the labels, the top first"), head, rows, range(4))


def _labels_table(labels: list[Label], unit: str) -> Table:
    weakest_first = sorted(labels, key=lambda label: (not label.rows, label.f1))
    rows = []
    for label in weakest_first[:MAX_LABELS]:
        mostly = ""
        if label.mostly:
            other = short_label(label.mostly)
            mostly = _("{label} ({count})", label=other, count=f"{label.mistaken:,}")
        scores = map(figure, (label.precision, label.recall, label.f1))
        rows.append([short_label(label.name), f"{label.rows:,}", *scores, mostly])
    head = [_("label"), unit, _("precision"), _("recall"), "F1", _("most often taken for")]
    if not any(label.mostly for label in labels):
        head, rows = head[:-1], [row[:-1] for row in rows]
    caption = _("Every label, the weakest first")
    if len(labels) > MAX_LABELS:
        count = f"{len(labels):,}"
        caption = _("The {shown} weakest of {all} labels", shown=MAX_LABELS, all=count)
    return Table(caption, head, rows, range(1, 5), folded=len(rows) > OPEN_LABELS)


# --- several seeds


def seeds_sections(material: Material) -> list[Section]:
    """The section with the scores of each seed, for a run that has several."""
    record = SeedsRecord.read(material.run)
    if record.validation is None:
        return []
    columns = [record.validation, *([record.test] if record.test else [])]
    rows = [_seed_row(one, record) for one in record.runs]
    rows.append([_("mean"), *(figure(scores.mean) for scores in columns), ""])
    rows.append([_("std"), *(figure(scores.std) for scores in columns), ""])
    head = [_("seed"), _("validation"), *([_("test")] if record.test else []), ""]
    count = plural(record.requested, "seed")
    caption = _("{metric} of {seeds}", metric=metric(record.metric), seeds=count)
    message = _(
        "Another seed of this plan gives {low} to {high}; that is how far two runs may be "
        "apart without one plan being better. The model kept is the best in validation.",
        low=figure(columns[-1].lowest),
        high=figure(columns[-1].highest),
    )
    table = Table(caption, head, rows, range(1, len(head) - 1))
    return [Section("seeds", _("Seed by seed"), [table, Words(message, "note")])]


def _seed_row(one: SeedRun, record: SeedsRecord) -> list[str]:
    note = _("best in validation") if one.folder == record.best else ""
    if one.replaced:
        note = _("learned nothing, replaced")
    scores = [one.validation, *([one.test] if record.test else [])]
    return [str(one.seed), *map(figure, scores), note]
