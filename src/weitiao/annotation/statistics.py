"""Figures of a session: progress, annotators, agreement, gold rows, anchoring, disagreements."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from weitiao.annotation.agreement import Agreement, agreement
from weitiao.annotation.reliability import dawid_skene
from weitiao.annotation.session import Session
from weitiao.annotation.standing import GOLD, Answer, key_of
from weitiao.evaluation.intervals import wilson

FEWEST_SHARED = 5  # rows with two answers, before reliability is estimated
FEWEST_ANCHORED = 10  # answers with a pre-label, shown and hidden each


@dataclass(frozen=True)
class AnnotatorFigures:
    """seconds: median a row; gold: (right, rows) of gold rows; reliability: by Dawid and Skene."""

    name: str
    rows: int
    skipped: int
    seconds: float | None
    gold_right: int
    gold_rows: int
    reliability: float | None


@dataclass(frozen=True)
class Anchoring:
    """How often answers equal the pre-label: where it was shown, and where it was hidden.

    difference with its 95 % interval (Newcombe 1998): what showing it adds.
    """

    shown_rows: int
    shown_same: float
    hidden_rows: int
    hidden_same: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """The figures of the statistics page."""

    labelled: int
    left: int
    labels: dict[str, int]
    annotators: tuple[AnnotatorFigures, ...]
    agreement: Agreement
    anchoring: Anchoring | None
    disputed: int
    decided: int
    comments: int
    lost: int

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def figures(session: Session) -> Figures:
    """Measure a session as it stands."""
    with session.lock:
        standing, kind = session.standing, session.scheme.kind
        answers = {at: dict(mine) for at, mine in standing.answers.items()}
        names = sorted({*standing.annotators, *standing.skipped})
        skipped = {name: len(rows) for name, rows in standing.skipped.items()}
        left, disputed = session.queue.left(standing), len(standing.disputed)
        final = [standing.final(at) for at in answers]
        gold, decided, lost = dict(session.gold), len(standing.decisions), len(standing.lost)
    every = [one for mine in answers.values() for one in mine.values()]
    reliability = _reliability(answers, session) if kind == "label" else {}
    shared = {at: {who: one.value for who, one in mine.items()}
              for at, mine in answers.items() if at not in gold}  # fmt: skip
    return Figures(
        labelled=len(answers),
        left=left,
        labels=_label_counts([value for ok, value in final if ok], kind),
        annotators=tuple(
            _of_annotator(name, every, gold, skipped.get(name, 0), reliability.get(name))
            for name in names
        ),
        agreement=agreement(shared, kind),
        anchoring=anchoring(every),
        disputed=disputed,
        decided=decided,
        comments=sum(bool(one.comment) for one in every),
        lost=lost,
    )


def _of_annotator(
    name: str, every: list[Answer], gold: dict[int, Any], skipped: int, reliability: float | None
) -> AnnotatorFigures:
    mine = [one for one in every if one.annotator == name]
    known = [one for one in mine if one.arm == GOLD and one.position in gold]
    return AnnotatorFigures(
        name=name,
        rows=len(mine),
        skipped=skipped,
        seconds=median([one.seconds for one in mine]) if mine else None,
        gold_right=sum(key_of(one.value) == key_of(gold[one.position]) for one in known),
        gold_rows=len(known),
        reliability=reliability,
    )


def _label_counts(values: list[Any], kind: str) -> dict[str, int]:
    if kind == "label":
        return dict(Counter(values).most_common())
    if kind == "labels":
        return dict(Counter(label for value in values for label in value).most_common())
    if kind == "spans":
        return dict(Counter(label for value in values for _, _, label in value).most_common())
    return {}


def _reliability(answers: dict[int, dict[str, Answer]], session: Session) -> dict[str, float]:
    places = {label: at for at, label in enumerate(session.scheme.labels)}
    votes = [
        {who: places[one.value] for who, one in mine.items()}
        for mine in answers.values()
        if len(mine) > 1  # a row of one annotator compares nobody
    ]
    if len(votes) < FEWEST_SHARED:
        return {}
    return dawid_skene(votes, len(places)).accuracy


def anchoring(every: list[Answer]) -> Anchoring | None:
    """The effect of shown pre-labels; None where there are too few of either kind."""
    shown, hidden = (
        [key_of(one.value) == key_of(one.suggested) for one in every
         if one.has_suggestion and one.shown == wanted]
        for wanted in (True, False)
    )  # fmt: skip
    if min(len(shown), len(hidden)) < FEWEST_ANCHORED:
        return None
    first, second = sum(shown) / len(shown), sum(hidden) / len(hidden)
    low_1, high_1 = wilson(first, len(shown))
    low_2, high_2 = wilson(second, len(hidden))
    difference = first - second
    return Anchoring(
        shown_rows=len(shown),
        shown_same=first,
        hidden_rows=len(hidden),
        hidden_same=second,
        difference=difference,
        low=difference - math.hypot(first - low_1, high_2 - second),
        high=difference + math.hypot(high_1 - first, second - low_2),
    )


def disagreements(session: Session, most: int = 100) -> list[dict[str, Any]]:
    """Rows to adjudicate, each with what the annotators say; at most so many."""
    with session.lock:
        positions = session.standing.disputed[:most]
        rows = []
        for at in positions:
            texts = session.pool.texts(at)
            rows.append(
                {
                    "row": session.pool.id(at),
                    "print": session.pool.prints[at],
                    "texts": [
                        {"role": role, "column": session.scheme.roles[role], "text": text}
                        for role, text in texts.items()
                    ],
                    "answers": [
                        {
                            "annotator": one.annotator,
                            "value": one.value,
                            "shown": _shown(one.value, session.scheme.kind, texts, session),
                            "comment": one.comment,
                        }
                        for one in session.standing.answers[at].values()
                    ],
                }
            )
        return rows


def _shown(value: Any, kind: str, texts: dict[str, str], session: Session) -> str:
    """An answer as one line of text."""
    if kind == "spans":
        text = texts[session.scheme.marked_role]
        return ", ".join(f"{text[start:end]} = {label}" for start, end, label in value) or "∅"
    if kind == "labels":
        return ", ".join(value) or "∅"
    if kind == "passage":
        return ", ".join(quote for _, quote in value) or "∅"
    return f"{value:g}" if kind == "number" else str(value)
