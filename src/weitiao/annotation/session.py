"""An annotation session: serves rows, records answers, undo, skip, guidelines and decisions.

Every change is a record of the journal first; what stands is what the records add up to. All
methods may be called from several threads.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from weitiao.annotation.journal import VERSION, Journal
from weitiao.annotation.pool import Pool
from weitiao.annotation.queue import Queue, Shares
from weitiao.annotation.scheme import MAX_TEXT, Scheme, checked_text
from weitiao.annotation.standing import CHOSEN, GOLD, RANDOM, Answer, key_of, replayed
from weitiao.core.sanitize import visible
from weitiao.errors import DataError
from weitiao.i18n.messages import _

LEASE_SECONDS = 900  # a row that an annotator has open is nobody else's for so long
LONGEST_SECONDS = 86_400.0
MAX_NAME = 40  # characters of an annotator's name


class ConflictError(DataError):
    """The row was answered otherwise meanwhile, e.g. in another window."""


@dataclass(frozen=True)
class Assignment:
    """A row that an annotator has open. shown: whether a pre-label was sent with it."""

    ticket: str
    position: int
    arm: str
    shown: bool
    since: float


class Session:
    """Rows, scheme, journal and queue together.

    suggestions: position -> pre-label in stored form, filled from outside; gold: position -> known
    answer. changed: called after each answer, outside the lock.
    """

    def __init__(
        self,
        pool: Pool,
        scheme: Scheme,
        journal: Journal,
        *,
        shares: Shares,
        seed: int = 0,
        gold: Mapping[int, Any] | None = None,
    ) -> None:
        self.pool, self.scheme, self.journal = pool, scheme, journal
        self.shares, self.seed = shares, seed
        self.gold = dict(gold or {})
        self.suggestions: dict[int, Any] = {}
        self.changed: Callable[[], None] = lambda: None
        self.lock = threading.RLock()
        if not journal.records:
            journal.append(self._header())
        self.standing = replayed(journal.records, pool.by_print, str(journal.path))
        self.queue = Queue(pool.positions, pool.prints, list(self.gold), shares, seed)
        self._open: dict[str, Assignment] = {}

    def _header(self) -> dict[str, Any]:
        return {
            "kind": "header",
            "version": VERSION,
            "time": _now(),
            "scheme": self.scheme.plain(),
            "rows": {"name": self.pool.source.name, "content": self.pool.source.fingerprint},
            "seed": self.seed,
            "shares": self.shares.plain(),
        }

    def widen(self, scheme: Scheme) -> None:
        """A scheme with more labels or other bounds from here on."""
        self._record({"kind": "scheme", "scheme": scheme.plain(), "time": _now()})
        self.scheme = scheme

    def _record(self, record: Mapping[str, Any]) -> None:
        """Write a record to the disk, then count it."""
        self.journal.append(record)
        self.standing.apply(record)

    # --- rows

    def next(self, annotator: str) -> dict[str, Any] | None:
        """The row that an annotator has open, else the next one; None when all is done."""
        annotator = name_in(annotator)
        with self.lock:
            assignment = self._open.get(annotator)
            if assignment is None:
                chosen = self.queue.next(annotator, self.standing, self._leased())
                if chosen is None:
                    return None
                assignment = self._assign(annotator, *chosen)
            return self._shown(annotator, assignment)

    def _leased(self) -> dict[int, str]:
        now = time.monotonic()
        self._open = {
            who: one for who, one in self._open.items() if now - one.since < LEASE_SECONDS
        }
        return {one.position: who for who, one in self._open.items()}

    def _assign(self, annotator: str, position: int, arm: str) -> Assignment:
        shown = position in self.suggestions and not self.queue.hides(position)
        one = Assignment(secrets.token_hex(8), position, arm, shown, time.monotonic())
        self._open[annotator] = one
        return one

    def _shown(self, annotator: str, assignment: Assignment) -> dict[str, Any]:
        position = assignment.position
        texts = self.pool.texts(position)
        own = self.standing.answers.get(position, {}).get(annotator)
        suggestion = None
        if assignment.shown and own is None:
            value = self.suggestions[position]
            suggestion = {"value": self.scheme.spread_out(value, texts)}
        before = None
        if own is not None:
            before = {
                "value": self.scheme.spread_out(own.value, texts),
                "comment": own.comment,
                "guideline": own.guideline,
            }
        return {
            "ticket": assignment.ticket,
            "row": self.pool.id(position),
            "print": self.pool.prints[position],
            "texts": [
                {"role": role, "column": self.scheme.roles[role], "text": text}
                for role, text in texts.items()
            ],
            "suggestion": suggestion,
            "before": before,
        }

    def progress(self, annotator: str) -> dict[str, Any]:
        """Counts for the head of the page; undo: the number of what it would take back."""
        with self.lock:
            last = self.standing.last(annotator)
            return {
                "mine": sum(annotator in one for one in self.standing.answers.values()),
                "all": len(self.standing.answers),
                "left": self.queue.left(self.standing),
                "undo": last.number if last else None,
                "reopened": len(self.standing.reopened.get(annotator, ())),
                "older": self.older(annotator),
                "guideline": len(self.standing.guidelines),
            }

    # --- answers

    def answer(
        self,
        annotator: str,
        ticket: str,
        fingerprint: str,
        value: Any,
        *,
        seconds: float = 0.0,
        comment: str = "",
    ) -> int:
        """Record an answer; returns its number once it is on the disk.

        The same ticket twice (a repeated request) is one answer. Raises DataError for an answer
        that does not fit, ConflictError where the row has been answered otherwise meanwhile.
        """
        annotator = name_in(annotator)
        with self.lock:
            position = self._position(fingerprint)
            texts = self.pool.texts(position)
            value = self.scheme.parse(value, texts)
            own = self.standing.answers.get(position, {}).get(annotator)
            number = self._repeated(ticket, own, value)
            if number is not None:
                return number
            assignment = self._taken(annotator, ticket, position, own)
            self._record(
                {
                    "kind": "answer",
                    "row": self.pool.id(position),
                    "print": fingerprint,
                    "annotator": annotator,
                    "time": _now(),
                    "seconds": _seconds(seconds),
                    "guideline": len(self.standing.guidelines),
                    "prelabel": self._prelabel(position, assignment, own),
                    "arm": assignment.arm,
                    "value": value,
                    "comment": checked_text(str(comment)[:MAX_TEXT]),
                    "ticket": ticket,
                }
            )
            self._open.pop(annotator, None)
            number = self.standing.count
        self.changed()
        return number

    def _repeated(self, ticket: str, own: Answer | None, value: Any) -> int | None:
        number = self.standing.tickets.get(ticket)
        if number is None:
            return None
        if own is not None and own.number == number and key_of(own.value) == key_of(value):
            return number
        raise ConflictError(_conflict())

    def _taken(self, annotator: str, ticket: str, position: int, own: Answer | None) -> Assignment:
        """The assignment that an answer belongs to."""
        assignment = self._open.get(annotator)
        if assignment is not None and assignment.ticket == ticket:
            if assignment.position != position:
                raise DataError(_("this answer belongs to another row. Load the page again."))
            return assignment
        # The server was started again, or the row was open for long: the ticket is of that time.
        if own is not None:
            raise ConflictError(_conflict())
        shown = position in self.suggestions and not self.queue.hides(position)
        return Assignment(ticket, position, self._arm(position), shown, 0.0)

    def _arm(self, position: int) -> str:
        if position in self.standing.arms:
            return self.standing.arms[position]
        if position in self.gold:
            return GOLD
        return RANDOM if self.queue.is_honest(position) else CHOSEN

    def _prelabel(self, position: int, assignment: Assignment, own: Answer | None) -> Any:
        if own is not None:  # a row that is answered again keeps how it was first shown
            return {"value": own.suggested, "shown": own.shown} if own.has_suggestion else None
        if position not in self.suggestions:
            return None
        return {"value": self.suggestions[position], "shown": assignment.shown}

    def skip(self, annotator: str, ticket: str, fingerprint: str) -> None:
        """Set a row aside for this annotator; others may get it."""
        annotator = name_in(annotator)
        with self.lock:
            if ticket in self.standing.tickets:
                return
            position = self._position(fingerprint)
            self._record({"kind": "skip", "row": self.pool.id(position), "print": fingerprint,
                          "annotator": annotator, "time": _now(), "ticket": ticket})  # fmt: skip
            self._open.pop(annotator, None)

    def undo(self, annotator: str, number: int | None = None) -> None:
        """Take back the last answer or skip of an annotator; its row is open again.

        number: of the record that is meant; one that is taken back already (a repeated request)
        changes nothing. Raises DataError when there is none, ConflictError for an earlier one.
        """
        annotator = name_in(annotator)
        with self.lock:
            last = self.standing.last(annotator)
            if number is not None and (last is None or last.number != number):
                if self.standing.stands(annotator, number):
                    raise ConflictError(_("there is a later answer, perhaps from another window. "
                                          "Load the page again."))  # fmt: skip
                return
            if last is None or last.position is None:
                raise DataError(_("there is nothing to undo."))
            position, arm = last.position, self._arm(last.position)
            before = self.standing.answers.get(position, {}).get(annotator)
            self._record({"kind": "undo", "annotator": annotator, "time": _now(),
                          "number": last.number})  # fmt: skip
            self._assign(annotator, position, arm)
            if before is not None and before.has_suggestion and not before.shown:
                self._open[annotator] = Assignment(
                    self._open[annotator].ticket, position, arm, False, time.monotonic()
                )

    # --- guidelines, decisions

    def set_guideline(self, text: str, *, file: bool = False) -> bool:
        """A new version of the guideline, where the text differs from the last one; returns whether
        the text is the last version now.

        file: from a file, whose text may be that of an earlier version: later ones, written on the
        page, stay.
        """
        text = checked_text(text.strip())
        if len(text) > MAX_TEXT:
            message = _("a guideline has at most {most:,} characters.", most=MAX_TEXT)
            raise DataError(message)
        with self.lock:
            last = self.standing.guidelines[-1] if self.standing.guidelines else ""
            if file and text != last and text in self.standing.guidelines:
                return False
            if text != last:
                self._record({"kind": "guideline", "text": text, "time": _now()})
            return True

    def older(self, annotator: str) -> int:
        """Answers of an annotator that were given under an older guideline."""
        version = len(self.standing.guidelines)
        return sum(one.guideline < version for one in self.standing.by(annotator))

    def reopen(self, annotator: str) -> int:
        """Show the rows again that this annotator labelled under an older guideline."""
        annotator = name_in(annotator)
        with self.lock:
            version = len(self.standing.guidelines)
            self._record(
                {"kind": "reopen", "annotator": annotator, "before": version, "time": _now()}
            )
            self._open.pop(annotator, None)
            return len(self.standing.reopened[annotator])

    def decide(self, annotator: str, fingerprint: str, value: Any) -> None:
        """Record the adjudicator's label of a row that annotators differ on (stored form)."""
        annotator = name_in(annotator)
        with self.lock:
            position = self._position(fingerprint)
            answers = self.standing.answers.get(position, {})
            # Equal, not identical: JavaScript writes the number 3.0 as 3.
            value = next((one.value for one in answers.values() if one.value == value), None)
            if value is None:
                raise DataError(_("a decision is one of the answers that annotators gave."))
            self._record({"kind": "decision", "row": self.pool.id(position), "print": fingerprint,
                          "annotator": annotator, "time": _now(), "value": value})  # fmt: skip
        self.changed()

    def _position(self, fingerprint: str) -> int:
        position = self.pool.by_print.get(fingerprint)
        if position is None:
            raise DataError(_("there is no such row. Load the page again."))
        return position


def name_in(name: str) -> str:
    """An annotator's name, stripped. Raises DataError for an empty or odd one."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or visible(name) != name:
        raise DataError(_("give your name, at most {most} characters.", most=MAX_NAME))
    return name


def _conflict() -> str:
    return _("this row has another answer already, perhaps from another window. Undo changes it.")


def _seconds(value: float) -> float:
    if not math.isfinite(value):
        return 0.0
    return round(min(max(float(value), 0.0), LONGEST_SECONDS), 2)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
