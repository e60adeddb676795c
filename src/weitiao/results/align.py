"""The rows that all contenders have answered, in one order, with the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural
from weitiao.labels.passages.agreement import agreement, by_characters
from weitiao.results.entries import Answered, Contender
from weitiao.tasks.base import Judged, Kind

MENDED = 0.01  # of the rows may differ: a truth or a text that was mended meanwhile


@dataclass(frozen=True, eq=False)
class Aligned:
    """The common rows. judged: for each contender one set of answers a seed."""

    contenders: tuple[Contender, ...]
    judged: tuple[tuple[Judged, ...], ...]
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
    assert base.targets is not None
    if base.kind == "number":
        known &= ~np.isnan(base.targets)
    elif base.kind == "single":
        known &= base.targets >= 0
    for place, one in zip(places, every, strict=True):
        known &= place >= 0
        if one.kind == "number":
            known &= ~np.isnan(one.values[np.maximum(place, 0)])
    rows = np.flatnonzero(known)
    if not len(rows):
        raise DataError(_nothing_common(contenders))
    labels = _all_labels(base, every)
    separator = next((one.separator for one in (base, *every) if one.separator), "")
    judged = iter([
        replace(_judged(base, one, rows, place[rows], labels), separator=separator)
        for one, place in zip(every, places, strict=True)
    ])  # fmt: skip
    grouped = tuple(tuple(next(judged) for _ in one.sets) for one in contenders)
    ids = [base.ids[int(at)] for at in rows]
    return Aligned(tuple(contenders), grouped, ids, rows, base, _notes(contenders, len(rows)))


def _base(contenders: Sequence[Contender]) -> Answered:
    """Whose rows and truth these are: the first run's, else those of a file that has the truth."""
    ordered = sorted(contenders, key=lambda one: one.kind == "file")
    for contender in ordered:
        if contender.sets[0].targets is not None:
            return contender.sets[0]
    raise DataError(
        _("none of the files has the truth: one of them needs a column with it; name it by "
             "--target COLUMN, or compare with a run.")
    )  # fmt: skip


def _places(base: Answered, other: Answered) -> np.ndarray:
    """For each row of the base its place in the other; -1 where it has none."""
    if other.kind != base.kind:
        raise DataError(
            _("{first} and {other} cannot be compared: their answers are of different kinds.",
                 first=base.kind, other=other.kind)
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
    if other.targets is None or base.targets is None or not (places >= 0).any():
        return
    mine = np.flatnonzero(places >= 0)
    here, there = base.targets[mine], other.targets[places[mine]]
    if base.kind == "number":
        apart = np.abs(here - there) > 1e-6 * np.maximum(1, np.abs(here))
    else:
        pairs = zip(_told(base, here), _told(other, there), strict=True)
        apart = np.array([one != another for one, another in pairs])
    if apart.mean() > MENDED:
        at = mine[int(np.flatnonzero(apart)[0])]
        raise DataError(
            _("{row} has another truth in the two: {count} differ so. Were they judged on "
                 "other rows?", row=base.ids[at], count=plural(int(apart.sum()), "row"))
        )  # fmt: skip


def _told(one: Answered, truth: Any) -> list[Any]:
    """The truth of each row, whatever the places of its labels are and the order it stands in."""
    names = [*one.labels, ""]
    if one.kind == "single":
        return [names[at] for at in truth]
    if one.kind == "tags":
        spans = [(start, end, names[at]) for start, end, at in truth.values.tolist()]
        return [set(spans[a:b]) for a, b in pairwise(truth.offsets.tolist())]
    if one.kind == "spans":
        return [set(golds) for golds in truth]
    return [{names[at] for at in np.flatnonzero(row)} for row in truth]


def _check_texts(base: Answered, other: Answered, places: np.ndarray) -> None:
    """Where a truth is often empty it says little: two runs must also have read the same texts."""
    if base.kind not in ("multilabel", "tags") or {base.id_column, other.id_column} != {None}:
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
    if base.kind == "number":
        return ()
    known = dict.fromkeys(base.labels)
    for one in every:
        if one.targets is not None:
            known |= dict.fromkeys(one.labels)
    if any(one.targets is None and set(one.labels) - known.keys() for one in every) or any(
        one.kind == "single" and (one.values < 0).any() for one in every
    ):
        known[_("(none of the labels)")] = None
    return tuple(known)


def _judged(
    base: Answered, one: Answered, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
) -> Judged:
    assert base.targets is not None
    kind = cast(Kind, base.kind)
    if kind == "number":
        values = one.values[places]
        return Judged(kind, base.targets[rows], values, values)
    if base.kind == "spans":
        return _of_passages(base, one, rows, places)
    truth = _relabelled(base.targets[rows], base, labels)
    values = _relabelled(one.values[places], one, labels)
    counts = None if one.counts is None else one.counts[places]
    return Judged(kind, truth, values, np.zeros((len(rows), 0)), labels, counts)


def _of_passages(base: Answered, one: Answered, rows: np.ndarray, places: np.ndarray) -> Judged:
    """Of a file only the answers are known: they are held against the truth here."""
    assert base.targets is not None
    targets, values = base.targets[rows], one.values[places]
    if one.counts is not None:
        counts = one.counts[places]
    else:
        characters = by_characters([text for golds in targets for text in golds])
        found = [agreement(v, t, characters) for v, t in zip(values, targets, strict=True)]
        counts = np.array([(*pair, *pair, 0.0) for pair in found]).reshape(-1, 5)
    return Judged("spans", targets, values, np.zeros(len(rows)), counts=counts)


def _relabelled(values: Any, one: Answered, labels: tuple[str, ...]) -> Any:
    where = {label: at for at, label in enumerate(labels)}
    folded = {label.strip().casefold(): at for label, at in where.items()}
    last = len(labels) - 1
    places = [where.get(label, folded.get(label.strip().casefold(), last)) for label in one.labels]
    if isinstance(values, Ragged):
        kinds = np.array([*places, last])[values.values[:, 2]]
        return Ragged(np.column_stack([values.values[:, :2], kinds]), values.offsets)
    if values.ndim == 1:
        return np.asarray(np.array([*places, last])[values])
    found = np.zeros((len(values), len(labels)), np.int64)
    for at, place in enumerate(places):
        found[:, place] |= values[:, at]
    return found


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
