"""Data leakage: rows of a held-out part whose text stands in the training rows, too, exactly, but
for case and punctuation, or nearly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from weitiao.data.files.cells import position_batches
from weitiao.data.quality.finding import (
    TEST,
    TEST_FILE,
    TRAIN,
    VALIDATION,
    Case,
    Finding,
    FindingTable,
    Inspected,
    cell_of,
    ids_of,
    shown_row,
    target_of,
    texts_of,
)
from weitiao.data.quality.near_duplicates import Likeness, RowTexts, Texts, similarity_of
from weitiao.data.quality.repeats import MOST_CASES, SPAN, differences, first_rows, spread
from weitiao.data.rows import Rows
from weitiao.data.targets import comparable, read_targets, reader_of
from weitiao.i18n.messages import _, plural

SHARED = 0.2  # of the held-out rows: where more stand in both, both come from one collection
FEWEST_SHARED = 50
TRIED_AT_ONCE = 8
MOST_LINKS = 16  # of a row that are followed
MOST_TRIED = 200  # rows of a cluster that a held-out row is compared with


@dataclass(frozen=True, eq=False)
class Overlap:
    """Held-out rows that stand in the learned rows: places in both views together.

    held, learned: (m,) places; similarity: 1 where the normal forms are equal; same: exactly.
    """

    held: np.ndarray
    learned: np.ndarray
    similarity: np.ndarray
    same: np.ndarray


def leaks(inspected: Inspected, like: Likeness) -> Iterator[Finding]:
    """Findings of rows of validation, test or a test file that are learned from, too."""
    n = len(inspected.rows)
    parts = inspected.parts
    of_file = np.zeros(len(like.equal), bool)
    of_file[n:] = True
    inside = {
        name: np.concatenate([parts == name, np.zeros(len(of_file) - n, bool)])
        for name in (TRAIN, VALIDATION, TEST)
    }
    cases = (
        (VALIDATION, inside[TRAIN], inside[VALIDATION]),
        (TEST, inside[TRAIN] | inside[VALIDATION], inside[TEST]),
        (TEST_FILE, ~of_file, of_file),
    )
    texts = RowTexts(inspected.rows, *([inspected.test] if inspected.test is not None else []))
    for part, learned, held in cases:
        if held.any() and learned.any():
            overlap = overlap_of(texts, like, learned, held, inspected.similarity)
            if len(overlap.held):
                yield _finding(inspected, part, overlap, int((held & ~like.empty).sum()))


def overlap_of(
    texts: Texts, like: Likeness, learned: np.ndarray, held: np.ndarray, similarity: float
) -> Overlap:
    """Which held-out rows stand in the learned rows."""
    learned, held = learned & ~like.empty, held & ~like.empty
    found: list[tuple[int, int, float, bool]] = []
    partner = {
        name: _first_learned(groups, learned)
        for name, groups in (("same", like.same), ("equal", like.equal), ("near", like.near))
    }
    rows = np.flatnonzero(held & (partner["near"] >= 0))
    equal = partner["equal"][rows] >= 0
    for row in rows[equal].tolist():
        same = partner["same"][row]
        found.append((row, int(same if same >= 0 else partner["equal"][row]), 1.0, same >= 0))
    members = _members(like.near, learned, rows[~equal])
    linked = _Linked(like, partner["equal"])
    for row in rows[~equal].tolist():
        near = np.concatenate([linked.learned(row), members[int(like.near[row])]])[:MOST_TRIED]
        for some in position_batches(near, TRIED_AT_ONCE):
            values = similarity_of(texts, row, some)
            best = int(values.argmax())
            if values[best] >= similarity:  # others are in the cluster by way of third rows
                found.append((row, int(some[best]), float(values[best]), False))
                break
    found.sort()
    return Overlap(
        np.array([row for row, _other, _value, _same in found], np.int64),
        np.array([other for _row, other, _value, _same in found], np.int64),
        np.array([value for _row, _other, value, _same in found], float),
        np.array([same for _row, _other, _value, same in found], bool),
    )


class _Linked:
    """Learned rows that are one or two links of near duplicates away from a row: in large clusters
    they are the likeliest to be similar themselves."""

    def __init__(self, like: Likeness, partner: np.ndarray) -> None:
        self.partner, self.first = partner, first_rows(like.equal)
        self.near: dict[int, list[int]] = {}
        for one, other in like.links.tolist():
            self.near.setdefault(one, []).append(other)
            self.near.setdefault(other, []).append(one)

    def learned(self, row: int) -> np.ndarray:
        """Places of such rows, the closest first."""
        direct = self.near.get(int(self.first[row]), [])[:MOST_LINKS]
        further = [two for one in direct for two in self.near[one][:MOST_LINKS]]
        places = dict.fromkeys(int(self.partner[one]) for one in [*direct, *further])
        return np.array([place for place in places if place >= 0], np.int64)


def _first_learned(groups: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """(rows,) the first learned row of each row's group; -1 where it has none."""
    first = np.full(int(groups.max(initial=-1)) + 2, len(groups), np.int64)
    places = np.flatnonzero(learned)
    np.minimum.at(first, groups[places], places)
    return np.where(first[groups] < len(groups), first[groups], -1)


def _members(near: np.ndarray, learned: np.ndarray, rows: np.ndarray) -> dict[int, np.ndarray]:
    """The learned rows of each cluster that one of `rows` is in."""
    wanted = np.unique(near[rows])
    places = np.flatnonzero(learned & np.isin(near, wanted))
    places = places[np.argsort(near[places], kind="stable")]
    starts = np.searchsorted(near[places], wanted)
    ends = np.searchsorted(near[places], wanted, side="right")
    return {int(one): places[a:b] for one, a, b in zip(wanted, starts, ends, strict=True)}


def _finding(inspected: Inspected, part: str, overlap: Overlap, total: int) -> Finding:
    n = len(inspected.rows)
    same = int(overlap.same.sum())
    equal = int((overlap.similarity == 1).sum()) - same
    near = len(overlap.held) - same - equal
    count = len(overlap.held)
    sets = reader_of(inspected.rows.task).label_sets
    learned, held = (comparable(side, sets) for side in _targets(inspected, overlap))
    both = [a == b for a, b in zip(learned, held, strict=True) if a is not None and b is not None]
    figures = {
        "held_out": total,
        "rows": count,
        "exact": same,
        "alike": equal,
        "near": near,
        "same_target": sum(both),
    }
    values = {
        "rows": plural(count, "row"),
        "total": total,
        "share": f"{count / max(1, total):.1%}",
        "exact": same,
        "alike": equal,
        "near": near,
    }
    shared = part == TEST_FILE and count >= max(FEWEST_SHARED, SHARED * total)
    return Finding(
        f"leaks_{part}",
        "error",
        np.unique(overlap.learned),
        _sentence(part, values, shared),
        _remedy(part, shared, equal + near),
        "data.deduplicate=true"
        if part == TEST_FILE and not equal + near
        else f"data.near_duplicates={inspected.similarity:g}",
        _table(inspected, overlap),
        _cases(inspected, overlap, n),
        figures,
    )


def _sentence(part: str, values: dict[str, object], shared: bool) -> str:
    if shared:
        return _(
            "test file: {rows} of {total:,} ({share}) also among the rows: {exact:,} exactly, "
            "{alike:,} but for case, width, blanks or punctuation, {near:,} nearly. So many are no "
            "slip: both come from one collection",
            **values,
        )
    if part == TEST_FILE:
        return _(
            "test file: {rows} of {total:,} ({share}) also among the rows: {exact:,} exactly, "
            "{alike:,} but for case, width, blanks or punctuation, {near:,} nearly",
            **values,
        )
    if part == TEST:
        return _(
            "test: {rows} of {total:,} ({share}) also among the rows to learn from: {exact:,} "
            "exactly, {alike:,} but for case, width, blanks or punctuation, {near:,} nearly",
            **values,
        )
    return _(
        "validation: {rows} of {total:,} ({share}) also in training: {exact:,} exactly, {alike:,} "
        "but for case, width, blanks or punctuation, {near:,} nearly",
        **values,
    )


def _remedy(part: str, shared: bool, others: int) -> str:
    if shared:
        return _(
            "this test says little about new texts: take one from another source, or leave its "
            "rows out of training by data.near_duplicates"
        )
    if part == TEST_FILE and not others:
        return _("`fit` leaves these rows out of training by itself")
    if part == TEST_FILE:
        return _(
            "`fit` leaves exact ones out of training by itself, with data.near_duplicates the "
            "others, too"
        )
    return _("data.near_duplicates keeps near duplicates in one part of the split")


def _targets(inspected: Inspected, overlap: Overlap) -> tuple[list[object], list[object]]:
    """Targets of the learned and of the held-out rows."""
    n = len(inspected.rows)
    learned = [inspected.targets[place] for place in overlap.learned]
    inside = overlap.held < n
    if inside.all():
        return learned, [inspected.targets[place] for place in overlap.held]
    return learned, _file_targets(inspected.test, overlap.held - n)


def _file_targets(test: Rows | None, places: np.ndarray) -> list[object]:
    if test is None or "target" not in test.roles:
        return [None] * len(places)
    some = test.take(places)
    return read_targets(some.table, some.roles, some.task, some.indices, some.id_of, {})


def _side(inspected: Inspected, places: np.ndarray) -> tuple[Rows, np.ndarray]:
    """The view that places stand in, and their positions in it."""
    n = len(inspected.rows)
    if len(places) and places[0] >= n:
        assert inspected.test is not None
        return inspected.test, places - n
    return inspected.rows, places


def _table(inspected: Inspected, overlap: Overlap) -> FindingTable:
    head = [_("row"), _("learned row"), _("Jaccard similarity")]
    head += [_("target"), _("learned target")]
    names = inspected.rows.text_columns
    named = [name for role in names for name in (role, f"{role} ({_('learned row')})")]

    def lines() -> Iterator[list[object]]:
        for start in range(0, len(overlap.held), SPAN):
            span = slice(start, start + SPAN)
            part = Overlap(
                overlap.held[span],
                overlap.learned[span],
                overlap.similarity[span],
                overlap.same[span],
            )
            learned_targets, held_targets = _targets(inspected, part)
            held, learned = _side(inspected, part.held), _side(inspected, part.learned)
            ids = ids_of(*held), ids_of(*learned)
            texts = texts_of(*held), texts_of(*learned)
            for at in range(len(part.held)):
                pairs = zip(texts[0][at], texts[1][at], strict=True)
                yield [
                    ids[0][at],
                    ids[1][at],
                    f"{part.similarity[at]:.2f}",
                    target_of(held_targets[at]),
                    target_of(learned_targets[at]),
                    *(cell_of(text) for pair in pairs for text in pair),
                ]

    return FindingTable([*head, *named], lines)


def _cases(inspected: Inspected, overlap: Overlap, n: int) -> list[Case]:
    order = np.argsort(overlap.similarity, kind="stable")
    cases = []
    for at in order[spread(len(order), MOST_CASES)].tolist():
        one = Overlap(
            *(
                values[at : at + 1]
                for values in (overlap.held, overlap.learned, overlap.similarity, overlap.same)
            )
        )
        targets = _targets(inspected, one)
        sides = _side(inspected, one.held), _side(inspected, one.learned)
        texts = [texts_of(*side)[0] for side in sides]
        marks = [differences(*both) for both in zip(*texts, strict=True)]
        rows = [
            shown_row(
                view,
                {int(places[0]): target[0]},  # type: ignore[arg-type]
                int(places[0]),
                [mark[side] for mark in marks],
            )
            for side, ((view, places), target) in enumerate(
                zip(sides, (targets[1], targets[0]), strict=True)
            )
        ]
        cases.append(Case(rows, _("similarity {value}", value=f"{one.similarity[0]:.2f}")))
    return cases
