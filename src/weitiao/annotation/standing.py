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


@dataclass
class Standing:
    """Answers by row and annotator, skipped rows, decisions, guidelines; `apply` adds a record.

    by_print: fingerprint -> position of the rows that are shown. lost: ids of labelled rows whose
    text stands no more in the rows.
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
    lost: set[str] = field(default_factory=set)
    count: int = 0  # records applied
    _done: dict[str, list[tuple[int, int, Answer | None]]] = field(default_factory=dict)

    def apply(self, record: Mapping[str, Any]) -> None:
        """Add a record of the journal."""
        self.count += 1
        kind = record["kind"]
        if kind == "guideline":
            self.guidelines.append(record["text"])
            return
        if kind == "undo":
            self._undo(record["annotator"])
            return
        if kind == "reopen":
            self._reopen(record["annotator"], record["before"])
            return
        if kind not in ("answer", "skip", "decision"):
            return
        position = self.by_print.get(record["print"])
        if position is None:
            self.lost.add(record["row"])
        elif kind == "decision":
            self.decisions[position] = record["value"]
        elif kind == "skip":
            self._done.setdefault(record["annotator"], []).append((self.count, position, None))
            self.skipped.setdefault(record["annotator"], set()).add(position)
            self._close(record["annotator"], position)
            self.tickets[record["ticket"]] = self.count
        else:
            self._answer(record, position)

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
        self._done.setdefault(answer.annotator, []).append((self.count, position, before))
        if position not in self.arms:
            self.arms[position] = answer.arm
            self.order.append(position)
        mine[answer.annotator] = answer
        self._close(answer.annotator, position)
        self.tickets[answer.ticket] = self.count

    def _close(self, annotator: str, position: int) -> None:
        if position in self.reopened.get(annotator, ()):
            self.reopened[annotator].remove(position)

    def last(self, annotator: str) -> int | None:
        """The position that `undo` would take back, or None."""
        done = self._done.get(annotator)
        return done[-1][1] if done else None

    def _undo(self, annotator: str) -> None:
        _number, position, before = self._done[annotator].pop()
        self.skipped.get(annotator, set()).discard(position)
        mine = self.answers.get(position, {})
        mine.pop(annotator, None)
        if before is not None:
            mine[annotator] = before
        if not mine and position in self.arms:
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


def key_of(value: Any) -> str:
    """An answer as a text that is equal for equal answers."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def replayed(records: list[dict[str, Any]], by_print: Mapping[str, int], where: str) -> Standing:
    """The standing answers of a journal. Raises DataError for a record that lacks something."""
    standing = Standing(by_print)
    for number, record in enumerate(records, 1):
        try:
            standing.apply(record)
        except (KeyError, TypeError, IndexError, AttributeError):
            message = _("{path}:{line}: this record of annotations is incomplete.",
                        path=where, line=number)  # fmt: skip
            raise DataError(message) from None
    return standing
