"""The rows that all contenders have answered, in one order, with the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural
from weitiao.results.entries import Answered, Contender
from weitiao.tasks.answers.base import Answers

MENDED = 0.01  # of the rows may differ: a truth or a text that was mended meanwhile


@dataclass(frozen=True, eq=False)
class Aligned:
    """The common rows. judged: for each contender one set of answers a seed."""

    contenders: tuple[Contender, ...]
    judged: tuple[tuple[Answers, ...], ...]
    ids: list[str]
    rows: np.ndarray  # of the base, whose texts these are
    base: Answered
    notes: tuple[str, ...]

    def texts(self, picked: np.ndarray) -> list[list[tuple[str, str]]] | None:
        """(column, text) of these rows; None when the texts are gone."""
        found = self.base.texts()
        if found is None:
            return None
        names = self.base.columns
        return [list(zip(names, found[self.rows[at]], strict=False)) for at in picked]


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
    judged = iter(
        [
            replace(
                one.answers.aligned(base.answers, rows, place[rows], labels), separator=separator
            )
            for one, place in zip(every, places, strict=True)
        ]
    )
    grouped = tuple(tuple(next(judged) for _ in one.sets) for one in contenders)
    ids = [base.ids[int(at)] for at in rows]
    return Aligned(tuple(contenders), grouped, ids, rows, base, _notes(contenders, len(rows)))


def _base(contenders: Sequence[Contender]) -> Answered:
    """Whose rows and truth these are: the first run's, else those of a file that has the truth."""
    ordered = sorted(contenders, key=lambda one: one.kind == "file")
    for contender in ordered:
        if contender.sets[0].answers.targets is not None:
            return contender.sets[0]
    raise DataError(
        _("none of the files has the truth: one of them needs a column with it; name it by "
             "--target COLUMN, or compare with a run.")
    )  # fmt: skip


def _places(base: Answered, other: Answered) -> np.ndarray:
    """For each row of the base its place in the other; -1 where it has none."""
    if type(other.answers) is not type(base.answers):
        raise DataError(
            _("{first} and {other} cannot be compared: their answers are of different kinds.",
                 first=base.answers.kind, other=other.answers.kind)
        )  # fmt: skip
    if other is base:
        return np.arange(len(base.ids))
    found = np.full(len(base.ids), -1)
    if other.id_column != "":  # "": its ids are but the lines of its file
        found = _by(base.ids, other.ids)
        mine = base.cells(other.id_column) if other.id_column and (found < 0).all() else None
        if mine is not None:
            found = _by(mine, other.ids)
    if (found < 0).all():
        mine_texts, texts = base.texts(), other.texts()
        if mine_texts is not None and texts is not None:
            found = _by(mine_texts, texts)
    _check_truth(base, other, found)
    _check_texts(base, other, found)
    return found


def _by(mine: Sequence[Any], theirs: Sequence[Any]) -> np.ndarray:
    """Match by equal keys; keys that repeat are matched in their order, the last one again."""
    if list(mine) == list(theirs):
        return np.arange(len(mine))
    places: dict[Any, list[int]] = defaultdict(list)
    for at, key in enumerate(theirs):
        places[key].append(at)
    used: dict[Any, int] = defaultdict(int)
    found = np.full(len(mine), -1)
    for at, key in enumerate(mine):
        if key in places:
            found[at] = places[key][min(used[key], len(places[key]) - 1)]
            used[key] += 1
    return found


def _check_truth(base: Answered, other: Answered, places: np.ndarray) -> None:
    """The same row must have the same truth, or it is not the same row."""
    if other.answers.targets is None or not (places >= 0).any():
        return
    mine = np.flatnonzero(places >= 0)
    apart = base.answers.gold_differs(mine, other.answers, places[mine])
    if apart.mean() > MENDED:
        at = mine[int(np.flatnonzero(apart)[0])]
        raise DataError(
            _("{row} has another truth in the two: {count} differ so. Were they judged on "
                 "other rows?", row=base.ids[at], count=plural(int(apart.sum()), "row"))
        )  # fmt: skip


def _check_texts(base: Answered, other: Answered, places: np.ndarray) -> None:
    """Where a truth is often empty it says little: two runs must also have read the same texts."""
    if not base.answers.often_empty or {base.id_column, other.id_column} != {None}:
        return
    here, there = base.texts(), other.texts()
    if here is None or there is None or base.columns != other.columns:
        return
    mine = np.flatnonzero(places >= 0)
    apart = [at for at in mine if here[at] != there[places[at]]]
    if len(apart) > MENDED * len(mine):
        raise DataError(
            _("{row} has another text in the two: {count} differ so. Were they judged on "
                 "other rows?", row=base.ids[int(apart[0])], count=plural(len(apart), "row"))
        )  # fmt: skip


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
            told = _("{name}: {rows}, of which {common} are common to all", name=one.name,
                        rows=plural(rows, "row"), common=f"{common:,}")  # fmt: skip
            notes.append(told)
    return tuple(notes)


def _nothing_common(contenders: Sequence[Contender]) -> str:
    splits = {one.name: one.splits[0] for one in contenders if one.splits}
    if len(set(splits.values())) > 1:
        told = ", ".join(f"{name}: {split}" for name, split in splits.items())
        return _("no row is common to all: they were judged on different parts ({parts}). "
                    "`weitiao evaluate RUN --final` judges on the test.", parts=told)  # fmt: skip
    return _("no row is common to all. Files of predictions need the ids of the report, an id "
                "column of your rows (--id), or the text itself (--text).")  # fmt: skip
