"""Label corrections (`data.corrections`): decisions of review tables, applied to rows.

A decision finds its rows by the hash of the texts and the target that were reviewed, never by a
line number: the file may have been sorted or extended since. The file itself is never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from weitiao.core import fingerprint
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.extra_files import ExtraFile
from weitiao.data.prepare.review_file import (
    CHANGE,
    KEEP,
    NAMED,
    REMOVE,
    Decision,
    Key,
    decisions_in,
    open_review,
)
from weitiao.data.rows import Rows
from weitiao.data.targets import TargetChanges, reader_of
from weitiao.i18n.messages import _, name_list, plural


@dataclass(frozen=True, eq=False)
class Corrections:
    """The decisions of review tables. by_key: hash of a row with its target -> decision."""

    name: str
    content: str  # hash of the tables
    decisions: Sequence[Decision]
    by_key: Mapping[Key, Decision]
    contradictory: Sequence[Decision]
    undecided: int

    @classmethod
    def read(cls, paths: str | Sequence[str], rows: Rows) -> Corrections:
        """Read review tables. rows: that were reviewed. Raises DataError."""
        listed = [paths] if isinstance(paths, str) else list(paths)
        decisions, contents, undecided = list[Decision](), list[str](), 0
        for path in listed:
            source = open_review(path)
            contents.append(source.fingerprint)
            some, without = decisions_in(source, rows)
            decisions, undecided = [*decisions, *some], undecided + without
        by_key: dict[Key, Decision] = {}
        contradictory: dict[Key, Decision] = {}
        for decision in decisions:
            for key in decision.keys:
                if by_key.setdefault(key, decision).contradicts(decision):
                    contradictory[key] = decision
        contradictory |= {key: one for one in _of_two_rows(decisions, rows) for key in one.keys}
        by_key = {key: one for key, one in by_key.items() if key not in contradictory}
        name = name_list(Path(path).name for path in listed)
        content = fingerprint.of_texts(*contents)
        places = {id(one): one for one in contradictory.values()}
        return cls(name, content, decisions, by_key, list(places.values()), undecided)

    def found(self, rows: Rows) -> list[tuple[int, Decision]]:
        """(position, decision) of the rows that a decision is about."""
        firsts = np.array([key[0] for key in self.by_key], np.uint64)
        keys = keys_of(rows)
        near = np.flatnonzero(np.isin(keys[:, 0], firsts)).tolist()
        pairs = ((at, self.by_key.get((int(keys[at, 0]), int(keys[at, 1])))) for at in near)
        return [(at, decision) for at, decision in pairs if decision is not None]

    def applied(self, rows: Rows, counts: Counter[str]) -> tuple[TargetChanges | None, set[int]]:
        """The changes of the targets, and the positions in the table of rows that are removed.

        counts: decision -> rows, added up.
        """
        corrected: dict[int, Any] = {}
        removed = set[int]()
        for at, decision in self.found(rows):
            word, position = _word(decision, rows), int(rows.indices[at])
            counts[word] += 1
            if word == REMOVE:
                removed.add(position)
            elif word == CHANGE:
                corrected[position] = decision.value
        before = rows.changes or TargetChanges()
        if not corrected:
            return rows.changes, removed
        return replace(before, corrected={**before.corrected, **corrected}), removed

    def cells(self, rows: Rows) -> dict[int, Any]:
        """Position in the table -> the corrected target, None where the row is removed: what a
        corrected copy of the file would hold."""
        decided = [(int(rows.indices[at]), one) for at, one in self.found(rows)]
        return {
            at: None if _word(one, rows) == REMOVE else one.value
            for at, one in decided
            if one.word != KEEP
        }

    def lines(self, counts: Counter[str], everywhere: Sequence[Rows]) -> Iterator[str]:
        """What became of the decisions, for the data's history. everywhere: all rows there are."""
        yield _(
            "corrections of {file}: {changed} with another label, {removed} left out, {kept} "
            "kept as they are; {undecided} without a decision",
            file=self.name,
            changed=plural(counts[CHANGE], "row"),
            removed=plural(counts[REMOVE], "row"),
            kept=f"{counts[KEEP]:,}",
            undecided=f"{self.undecided:,}",
        )
        matched = {id(one) for rows in everywhere for _at, one in self.found(rows)}
        unclear = {key for one in self.contradictory for key in one.keys}
        lost = [
            one
            for one in self.decisions
            if id(one) not in matched
            and not unclear & {*one.keys}
            and not self._known(one, matched)
        ]
        if self.contradictory:
            yield _(
                "{rows} with contradictory decisions left as they are ({places})",
                rows=plural(len(self.contradictory), "row"),
                places=name_list((one.place for one in self.contradictory), NAMED),
            )
        texts = [
            duplicates.text_keys(rows.table, rows.text_columns, rows.indices) for rows in everywhere
        ]
        present = {tuple(map(int, key)) for keys in texts for key in keys} if lost else set()
        changed = [one for one in lost if one.text in present]
        if changed:
            yield _(
                "{rows} left as they are, whose label has changed since the review ({places})",
                rows=plural(len(changed), "row"),
                places=name_list((one.place for one in changed), NAMED),
            )
        if gone := [one for one in lost if one.text not in present]:
            yield _(
                "{decisions} about rows that are not here ({places})",
                decisions=plural(len(gone), "decision"),
                places=name_list((one.place for one in gone), NAMED),
            )

    def _known(self, decision: Decision, matched: set[int]) -> bool:
        """Whether an equal decision about the same row was found."""
        same = (self.by_key.get(key) for key in decision.keys)
        return any(one is not None and id(one) in matched for one in same)


def _of_two_rows(decisions: Sequence[Decision], rows: Rows) -> list[Decision]:
    """Decisions whose key is that of one row and whose cells are another's, as where a column
    of the table was sorted alone: which row is meant cannot be told."""
    doubtful = [one for one in decisions if len(one.keys) > 1]
    if not doubtful:
        return []
    known = {(int(first), int(second)) for first, second in keys_of(rows)}
    return [one for one in doubtful if known >= {*one.keys}]


def _word(decision: Decision, rows: Rows) -> str:
    """What is done with a row: one whose new label the plan drops is removed."""
    if decision.word != CHANGE or rows.changes is None:
        return decision.word
    target = rows.changes.labels.target(decision.value, reader_of(rows.task).head)
    return REMOVE if target is None else CHANGE


def keys_of(rows: Rows) -> np.ndarray:
    """Hashes (rows, 2) of texts and target, the target as the file has it."""
    plain = replace(rows, changes=None)
    texts = duplicates.text_keys(rows.table, rows.text_columns, rows.indices)
    return duplicates.row_keys(texts, plain.targets())


class Parts(NamedTuple):
    """The split of rows: positions of its parts, and the parts that have files of their own."""

    rows: Rows
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    validation_file: ExtraFile | None
    test_file: ExtraFile | None

    def corrected(
        self, corrections: Corrections, whole: Rows, with_test: bool, history: list[str]
    ) -> Parts:
        """The parts under corrections, those of the sealed test only `with_test`.

        Corrections come after the split, which is that of the file: a corrected label moves no row
        from the test into training. whole: all labelled rows of the main file.
        """
        sealed = self.test_file.rows if self.test_file else self.rows.take(self.test)
        history += _test_lines(sealed, corrections, with_test)
        own = [self.train, self.validation, *([self.test] if with_test else [])]
        at = np.sort(np.concatenate(own))
        others = [self.validation_file, self.test_file if with_test else None]
        files = [one for one in others if one is not None]
        counts: Counter[str] = Counter()
        parts = [self.rows.take(at), *(one.rows for one in files)]
        results = _correct(parts, corrections, counts)
        history += corrections.lines(counts, [whole, *(one.rows for one in files), sealed])
        main, kept = results[0]
        gone = at[~kept]
        new = {
            id(one): replace(one, rows=rows, keys=one.keys[kept])
            for one, (rows, kept) in zip(files, results[1:], strict=True)
        }
        return Parts(
            replace(self.rows, changes=main.changes),
            self.train[~np.isin(self.train, gone)],
            self.validation[~np.isin(self.validation, gone)],
            self.test[~np.isin(self.test, gone)],
            new.get(id(self.validation_file), self.validation_file),
            new.get(id(self.test_file), self.test_file),
        )


def _correct(
    parts: Sequence[Rows], corrections: Corrections, counts: Counter[str]
) -> list[tuple[Rows, np.ndarray]]:
    """Apply corrections: the rows that are left of each part, and (rows,) which those are.

    counts: decision -> rows, added up.
    """
    changes: dict[int, TargetChanges | None] = {}
    removed = set[tuple[int, int]]()
    for rows in parts:
        # Parts of one table share their changes: rows are put together again for a refit.
        table = id(rows.table)
        own = replace(rows, changes=changes.get(table, rows.changes))
        changes[table], gone = corrections.applied(own, counts)
        removed |= {(table, position) for position in gone}
    results = []
    for rows in parts:
        table = id(rows.table)
        kept = np.array([(table, at) not in removed for at in rows.indices.tolist()], bool)
        left = replace(rows, changes=changes[table]).take(np.flatnonzero(kept))
        results.append((left, kept))
    return results


def _test_lines(rows: Rows, corrections: Corrections, corrected: bool) -> Iterator[str]:
    """What is said of corrections of the sealed test."""
    count = len([one for _at, one in corrections.found(rows) if one.word != KEEP])
    if count:
        yield (
            _(
                "{rows} of the sealed test corrected (data.correct_test): its metrics are those on "
                "the corrected labels",
                rows=plural(count, "row"),
            )
            if corrected
            else _(
                "corrections of {rows} of the sealed test not applied; data.correct_test=true "
                "applies them, which is reported",
                rows=plural(count, "row"),
            )
        )
