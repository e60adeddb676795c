"""The standing answers: what the records of a journal add up to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weitiao.errors import DataError
from weitiao.i18n.messages import _

CHOSEN, RANDOM, GOLD = "chosen", "random", "gold"  # why a row was shown; random: the honest arm


@dataclass(frozen=True)
class Answer:
    """An annotator's answer to a row, as the journal holds it.

    suggested, shown: the pre-label, and whether the annotator saw it; arm: why the row was shown.
    """

    number: int
    position: int
    annotator: str
    value: Any
    arm: str
    seconds: float
    guideline: int
    time: str
    comment: str = ""
    suggested: Any = None
    has_suggestion: bool = False
    shown: bool = False
    ticket: str = ""


@dataclass(frozen=True)
class Done:
    """An answer or skip that `undo` can take back, and what it changed.

    number: of its record; position: None where the row stands no more in the rows; before: the
    annotator's earlier answer; reopened: whether the row was shown again; dropped: the decision
    that it overturned, in a tuple of one.
    """

    number: int
    row: str
    position: int | None
    skip: bool
    before: Answer | None = None
    reopened: bool = False
    dropped: tuple[Any, ...] = ()


@dataclass
class Standing:
    """Answers by row and annotator, skipped rows, decisions, guidelines; `apply` adds a record.

    by_print: fingerprint -> position of the rows that are shown. `lost` counts the answers to rows
    whose text stands no more in the rows.
    """

    by_print: Mapping[str, int]
    answers: dict[int, dict[str, Answer]] = field(default_factory=dict)
    skipped: dict[str, set[int]] = field(default_factory=dict)
    decisions: dict[int, Any] = field(default_factory=dict)
    guidelines: list[str] = field(default_factory=list)
    reopened: dict[str, list[int]] = field(default_factory=dict)
    arms: dict[int, str] = field(default_factory=dict)  # of the first answer
    order: list[int] = field(default_factory=list)  # positions by their first answer
    tickets: dict[str, int] = field(default_factory=dict)  # ticket -> number of its record
    lost: Counter[str] = field(default_factory=Counter)  # id of the row -> answers
    count: int = 0  # records applied
    _done: dict[str, list[Done]] = field(default_factory=dict)

    def apply(self, record: Mapping[str, Any]) -> None:
        """Add a record of the journal."""
        self.count += 1
        kind = record["kind"]
        if kind == "guideline":
            self.guidelines.append(record["text"])
            return
        if kind == "undo":
            self._undo(record["annotator"], record.get("number"))
            return
        if kind == "reopen":
            self._reopen(record["annotator"], record["before"])
            return
        if kind not in ("answer", "skip", "decision"):
            return
        position = self.by_print.get(record["print"])
        if kind == "decision":
            if position is not None:
                self.decisions[position] = record["value"]
            return
        self.tickets[record["ticket"]] = self.count
        if position is None:  # its undo may follow
            skip = kind == "skip"
            self._note(record["annotator"], Done(self.count, record["row"], None, skip))
            if not skip:
                self.lost[record["row"]] += 1
        elif kind == "skip":
            self._skip(record, position)
        else:
            self._answer(record, position)

    def _note(self, annotator: str, done: Done) -> None:
        self._done.setdefault(annotator, []).append(done)

    def _skip(self, record: Mapping[str, Any], position: int) -> None:
        annotator = record["annotator"]
        again = position in self.reopened.get(annotator, ())
        self._note(annotator, Done(self.count, record["row"], position, True, None, again))
        self.skipped.setdefault(annotator, set()).add(position)
        self._close(annotator, position)

    def _answer(self, record: Mapping[str, Any], position: int) -> None:
        suggestion = record.get("prelabel")
        answer = Answer(
            self.count,
            position,
            record["annotator"],
            record["value"],
            record["arm"],
            record["seconds"],
            record["guideline"],
            record["time"],
            record.get("comment", ""),
            suggestion["value"] if suggestion else None,
            suggestion is not None,
            bool(suggestion and suggestion["shown"]),
            record["ticket"],
        )
        mine = self.answers.setdefault(position, {})
        before = mine.get(answer.annotator)
        again = position in self.reopened.get(answer.annotator, ())
        dropped: tuple[Any, ...] = ()
        decided = position in self.decisions and not _same(before, answer)
        if decided and key_of(self.decisions[position]) != key_of(answer.value):
            dropped = (self.decisions.pop(position),)  # it was made without this answer
        self._note(
            answer.annotator,
            Done(self.count, record["row"], position, False, before, again, dropped),
        )
        if position not in self.arms:
            self.arms[position] = answer.arm
            self.order.append(position)
        mine[answer.annotator] = answer
        self._close(answer.annotator, position)

    def _close(self, annotator: str, position: int) -> None:
        if position in self.reopened.get(annotator, ()):
            self.reopened[annotator].remove(position)

    def last(self, annotator: str) -> Done | None:
        """What `undo` would take back: the last answer or skip whose row is there, or None."""
        mine = self._done.get(annotator, ())
        return next((one for one in reversed(mine) if one.position is not None), None)

    def stands(self, annotator: str, number: int) -> bool:
        """Whether the answer or skip of this number can still be taken back."""
        return any(one.number == number for one in self._done.get(annotator, ()))

    def _undo(self, annotator: str, number: int | None) -> None:
        mine = self._done[annotator]
        # Journals of old do not say which: the last.
        at = -1 if number is None else [one.number for one in mine].index(number)
        done = mine.pop(at)
        position = done.position
        if position is None:
            if not done.skip:
                self.lost -= Counter([done.row])  # keeps no zeros
            return
        if done.skip:
            self.skipped[annotator].discard(position)
        else:
            self._take_back(annotator, position, done)
        again = self.reopened.get(annotator, [])
        if done.reopened and position not in again:
            again.insert(0, position)
        if annotator not in self.answers.get(position, {}) and position in again:
            again.remove(position)  # there is nothing to answer again

    def _take_back(self, annotator: str, position: int, done: Done) -> None:
        answers = self.answers[position]
        taken = answers.pop(annotator)
        if done.before is not None:
            answers[annotator] = done.before
        if not _same(done.before, taken):
            self.decisions.pop(position, None)
        if done.dropped:
            self.decisions[position] = done.dropped[0]
        if not answers:
            del self.arms[position], self.answers[position]
            self.order.remove(position)

    def _reopen(self, annotator: str, before: int) -> None:
        self.reopened[annotator] = [
            at
            for at in self.order
            if annotator in self.answers[at] and self.answers[at][annotator].guideline < before
        ]

    # --- what the answers say

    def by(self, annotator: str) -> list[Answer]:
        """The standing answers of an annotator."""
        return [mine[annotator] for mine in self.answers.values() if annotator in mine]

    @property
    def annotators(self) -> list[str]:
        return sorted({name for mine in self.answers.values() for name in mine})

    def final(self, position: int) -> tuple[bool, Any]:
        """(whether there is one, the label of a row): the decision, else what most say."""
        if position in self.decisions:
            return True, self.decisions[position]
        counts = Counter(key_of(one.value) for one in self.answers.get(position, {}).values())
        first = counts.most_common(2)
        if not first or (len(first) > 1 and first[0][1] == first[1][1]):
            return False, None
        return True, json.loads(first[0][0])

    @property
    def disputed(self) -> list[int]:
        """Rows whose annotators differ and that nobody has decided."""
        return [
            at
            for at, mine in self.answers.items()
            if at not in self.decisions and len({key_of(one.value) for one in mine.values()}) > 1
        ]


def _same(one: Answer | None, other: Answer) -> bool:
    return one is not None and key_of(one.value) == key_of(other.value)


def key_of(value: Any) -> str:
    """An answer as a text that is equal for equal answers."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def replayed(records: list[dict[str, Any]], by_print: Mapping[str, int], where: str) -> Standing:
    """The standing answers of a journal. Raises DataError for a record that lacks something."""
    standing = Standing(by_print)
    for number, record in enumerate(records, 1):
        try:
            standing.apply(record)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError):
            message = _("{path}:{line}: this record of annotations is incomplete.",
                        path=where, line=number)  # fmt: skip
            raise DataError(message) from None
    return standing
