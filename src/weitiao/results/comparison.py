"""Comparison of runs and files: their rows aligned, each contender against the first, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weitiao.core.sanitize import quoted
from weitiao.errors import DataError
from weitiao.evaluation.compare import Comparison, Gap
from weitiao.i18n.messages import _, joined, plural
from weitiao.results.contenders import Answered, Contender, differences
from weitiao.results.format import figure, metric
from weitiao.tasks.answers.base import Answers

MAX_CHANGED_PROPORTION = 0.01  # of the rows: a label or a text was corrected in the meantime


@dataclass(frozen=True, eq=False)
class Compared:
    """`comparisons`: each contender after the first, against the first. `names`: short ones."""

    aligned: Aligned
    comparisons: tuple[Comparison, ...]
    names: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """better, worse, open or same: the second contender against the first."""
        return self.comparisons[0].word

    @property
    def split(self) -> str:
        """test, validation, "" when only files are compared or when it is mixed."""
        result = {split for one in self.aligned.contenders for split in one.splits}
        return result.pop() if len(result) == 1 else ""

    def settings(self) -> dict[str, list[Any]]:
        """The settings of the plans that differ -> the value of each contender."""
        plans = [one.plan for one in self.aligned.contenders]
        result = differences(plans)
        has_recipes = any(one.kind == "recipe" for one in self.aligned.contenders)
        return {k: v for k, v in result.items() if not (has_recipes and k == "train.seed")}

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        return {
            "rows": self.comparisons[0].rows,
            "split": self.split,
            "contenders": [
                {"name": one.name, "kind": one.kind, "sets": len(one.sets)}
                for one in self.aligned.contenders
            ],
            "comparisons": [
                {"first": self.names[0], "second": name, **one.summary()}
                for name, one in zip(self.names[1:], self.comparisons, strict=True)
            ],
            "settings": self.settings(),
            "notes": list(self.aligned.notes),
        }


def word(comparison: Comparison) -> str:
    """The verdict in a word or two."""
    message = {
        "better": _("Better"),
        "worse": _("Worse"),
        "open": _("Cannot tell with these rows"),
        "same": _("The same"),
    }
    return message[comparison.word]


def reason(first: str, second: str, comparison: Comparison) -> str:
    """The verdict in a sentence."""
    gap = comparison.gaps[0]
    names = {"first": quoted(first), "second": quoted(second)}
    values = {**names, **_figures(gap)}
    rows = plural(comparison.rows, "row")
    if comparison.word == "same":
        return _(
            "{second} and {first} answer all of the {rows} alike.",
            **names,
            rows=rows,
        )
    if comparison.word == "better":
        return _(
            "{second} is better than {first}: {metric} {two} against {one} on {rows}, a difference "
            "of {gap} with a {level} interval from {low} to {high}.",
            **values,
            rows=rows,
            level=share(comparison.level),
        )
    if comparison.word == "worse":
        return _(
            "{second} is worse than {first}: {metric} {two} against {one} on {rows}, a difference "
            "of {gap} with a {level} interval from {low} to {high}.",
            **values,
            rows=rows,
            level=share(comparison.level),
        )
    sentence = _(
        "On {rows} {metric} is {two} for {second} and {one} for {first}: the difference of {gap} "
        "may be chance, its {level} interval runs from {low} to {high}.",
        **values,
        rows=rows,
        level=share(comparison.level),
    )
    return joined([sentence, needed(comparison)])


def needed(comparison: Comparison) -> str:
    """Sample size: how many more rows or seeds would settle it."""
    change = comparison.gaps[0].change
    rows, seeds = change.rows_needed, change.seeds_needed
    if rows and seeds:
        return _(
            "If it stays what it is, about {rows} would tell, or on these rows {seeds} each.",
            rows=plural(rows, "row"),
            seeds=plural(seeds, "seed"),
        )
    if rows:
        return _("If it stays what it is, about {rows} would tell.", rows=plural(rows, "row"))
    if seeds:
        return _(
            "If it stays what it is, {seeds} each would tell; more rows alone would not.",
            seeds=plural(seeds, "seed"),
        )
    if change.sign:
        return _("The rows are too few for the interval to be relied on.")
    return _("The difference is so small that no reasonable number of rows would settle it.")


def share(level: float) -> str:
    """A level as people say it.

    >>> share(0.95), share(0.975)
    ('95 %', '97.5 %')
    """
    return _("{share} %", share=f"{100 * level:.4g}")


def signed(value: float) -> str:
    """A difference with its sign."""
    text = figure(value)
    return f"+{text}" if value > 0 else f"−{text[1:]}" if text.startswith("-") else text


def _figures(gap: Gap) -> dict[str, str]:
    one, two = gap.means
    value, low, high = gap.difference
    return {
        "metric": metric(gap.name) if gap.higher_is_better else metric_with_direction(gap),
        "one": figure(one),
        "two": figure(two),
        "gap": signed(value),
        "low": signed(low),
        "high": signed(high),
    }


def metric_with_direction(gap: Gap) -> str:
    """A metric and which way it is better."""
    name = metric(gap.name)
    if gap.higher_is_better:
        return _("{metric} (higher is better)", metric=name)
    return _("{metric} (lower is better)", metric=name)


@dataclass(frozen=True, eq=False)
class Aligned:
    """The common rows. answers: for each contender one set a seed."""

    contenders: tuple[Contender, ...]
    answers: tuple[tuple[Answers, ...], ...]
    ids: list[str]
    rows: np.ndarray  # of the base, whose texts these are
    base: Answered
    notes: tuple[str, ...]

    def texts(self, picked: np.ndarray) -> list[list[tuple[str, str]]] | None:
        """(column, text) of these rows; None when the texts are gone."""
        texts = self.base.texts()
        if texts is None:
            return None
        names = self.base.columns
        return [list(zip(names, texts[self.rows[at]], strict=False)) for at in picked]


def aligned(contenders: Sequence[Contender]) -> Aligned:
    """Match the rows of all contenders. Raises DataError when there are none in common."""
    base = _base(contenders)
    every = [one for contender in contenders for one in contender.sets]
    places = [_places(base, one) for one in every]
    known = np.ones(len(base.ids), bool)
    known &= base.answers.has_gold()
    for place, one in zip(places, every, strict=True):
        known &= (place >= 0) & one.answers.answered()[np.maximum(place, 0)]
    rows = np.flatnonzero(known)
    if not len(rows):
        raise DataError(_nothing_common(contenders))
    labels = _all_labels(base, every)
    separators = (one.answers.separator for one in (base, *every))
    separator = next(filter(None, separators), "")
    answers = iter(
        [
            replace(
                one.answers.aligned(base.answers, rows, place[rows], labels), separator=separator
            )
            for one, place in zip(every, places, strict=True)
        ]
    )
    grouped = tuple(tuple(next(answers) for _ in one.sets) for one in contenders)
    ids = [base.ids[int(at)] for at in rows]
    return Aligned(tuple(contenders), grouped, ids, rows, base, _notes(contenders, len(rows)))


def _base(contenders: Sequence[Contender]) -> Answered:
    """The reference rows and gold labels: the first run's, else those of a file that has them."""
    ordered = sorted(contenders, key=lambda one: one.kind == "file")
    for contender in ordered:
        if contender.sets[0].answers.targets is not None:
            return contender.sets[0]
    raise DataError(
        _(
            "none of the files has the truth: one of them needs a column with it; name it by "
            "--target COLUMN, or compare with a run."
        )
    )


def _places(base: Answered, other: Answered) -> np.ndarray:
    """Row alignment: for each row of the base its place in the other; -1 where it has none."""
    if type(other.answers) is not type(base.answers):
        raise DataError(
            _(
                "{first} and {other} cannot be compared: their answers are of different kinds.",
                first=base.answers.kind,
                other=other.answers.kind,
            )
        )
    if other is base:
        return np.arange(len(base.ids))
    places = np.full(len(base.ids), -1)
    if other.id_column != "":  # "": its ids are but the lines of its file
        places = _matched(base.ids, other.ids)
        mine = base.cells(other.id_column) if other.id_column and (places < 0).all() else None
        if mine is not None:
            places = _matched(mine, other.ids)
    if (places < 0).all():
        mine_texts, texts = base.texts(), other.texts()
        if mine_texts is not None and texts is not None:
            places = _matched(mine_texts, texts)
    _check_gold(base, other, places)
    _check_texts(base, other, places)
    return places


def _matched(mine: Sequence[Any], theirs: Sequence[Any]) -> np.ndarray:
    """Match by equal keys; keys that repeat are matched in their order, the last one again."""
    if list(mine) == list(theirs):
        return np.arange(len(mine))
    places: dict[Any, list[int]] = defaultdict(list)
    for at, key in enumerate(theirs):
        places[key].append(at)
    used: dict[Any, int] = defaultdict(int)
    matched = np.full(len(mine), -1)
    for at, key in enumerate(mine):
        if key in places:
            matched[at] = places[key][min(used[key], len(places[key]) - 1)]
            used[key] += 1
    return matched


def _check_gold(base: Answered, other: Answered, places: np.ndarray) -> None:
    """The same row must have the same truth, or it is not the same row."""
    if other.answers.targets is None or not (places >= 0).any():
        return
    mine = np.flatnonzero(places >= 0)
    apart = base.answers.gold_differs(mine, other.answers, places[mine])
    if apart.mean() > MAX_CHANGED_PROPORTION:
        at = mine[int(np.flatnonzero(apart)[0])]
        raise DataError(
            _(
                "{row} has another truth in the two: {count} differ so. Were they evaluated on "
                "other rows?",
                row=base.ids[at],
                count=plural(int(apart.sum()), "row"),
            )
        )


def _check_texts(base: Answered, other: Answered, places: np.ndarray) -> None:
    """Where a truth is often empty it says little: two runs must also have read the same texts."""
    if not base.answers.often_empty or {base.id_column, other.id_column} != {None}:
        return
    here, there = base.texts(), other.texts()
    if here is None or there is None or base.columns != other.columns:
        return
    mine = np.flatnonzero(places >= 0)
    apart = [at for at in mine if here[at] != there[places[at]]]
    if len(apart) > MAX_CHANGED_PROPORTION * len(mine):
        raise DataError(
            _(
                "{row} has another text in the two: {count} differ so. Were they evaluated on "
                "other rows?",
                row=base.ids[int(apart[0])],
                count=plural(len(apart), "row"),
            )
        )


def _all_labels(base: Answered, every: Sequence[Answered]) -> tuple[str, ...]:
    """The labels of the truth and of the runs; what only a file says is none of them."""
    known = dict.fromkeys(base.answers.labels)
    for one in every:
        if one.answers.targets is not None:
            known |= dict.fromkeys(one.answers.labels)
    if any(
        one.answers.unlisted()
        or (one.answers.targets is None and set(one.answers.labels) - known.keys())
        for one in every
    ):
        known[_("(none of the labels)")] = None
    return tuple(known)


def _notes(contenders: Sequence[Contender], common: int) -> tuple[str, ...]:
    notes = []
    for one in contenders:
        notes += [_("{name}: {note}", name=one.name, note=note) for note in one.notes]
        rows = len(one.sets[0].ids)
        if rows > common:
            message = _(
                "{name}: {rows}, of which {common} are common to all",
                name=one.name,
                rows=plural(rows, "row"),
                common=f"{common:,}",
            )
            notes.append(message)
    return tuple(notes)


def _nothing_common(contenders: Sequence[Contender]) -> str:
    splits = {one.name: one.splits[0] for one in contenders if one.splits}
    if len(set(splits.values())) > 1:
        parts = ", ".join(f"{name}: {split}" for name, split in splits.items())
        return _(
            "no row is common to all: they were evaluated on different splits ({parts}). "
            "`weitiao evaluate RUN --final` evaluates on the test set.",
            parts=parts,
        )
    return _(
        "no row is common to all. Files of predictions need the ids of the report, an id "
        "column of your rows (--id), or the text itself (--text)."
    )
