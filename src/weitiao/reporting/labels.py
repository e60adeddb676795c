"""Each label's figures, and which labels are taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weitiao.i18n.messages import _
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels

FEWEST = 5  # rows of a label; below, its figures say nothing about it


@dataclass(frozen=True)
class Label:
    """One label. mostly: what its rows are taken for when they are not found; "" for none."""

    name: str
    rows: int  # that truly have it; of spans, how many there are
    given: int  # that the model says have it
    right: int  # both
    mostly: str = ""
    mistaken: int = 0  # rows taken for `mostly`

    @property
    def precision(self) -> float:
        return self.right / self.given if self.given else float("nan")

    @property
    def recall(self) -> float:
        return self.right / self.rows if self.rows else float("nan")

    @property
    def f1(self) -> float:
        both = self.rows + self.given
        return 2 * self.right / both if both else float("nan")

    @property
    def useless(self) -> bool:
        """Whether there are more than four mistakes about it for each time it is right."""
        return self.rows >= FEWEST and self.f1 < 1 / 3


@dataclass(frozen=True)
class Confusion:
    """So many rows of `truth` were answered with `answer`; both count from 0."""

    truth: int
    answer: int
    rows: int


def confusions(judged: Labels) -> list[Confusion]:
    """Every pair of truth and answer that occurs, right ones too, the most frequent first."""
    return [Confusion(*one) for one in judged.confusions()]


def unit_of(judged: Answers | type[Answers]) -> str:
    """What is counted of a label, in words."""
    return {"rows": _("rows"), "spans": _("spans")}[judged.unit]


def labels_of(judged: Answers) -> list[Label]:
    """The figures of every label that is true or given somewhere, in the labels' order."""
    counts = judged.label_counts(np.ones((1, len(judged))))
    right, said, rows = (one[0].astype(int) for one in counts)
    if not len(rows):
        return []
    worst: dict[int, Confusion] = {}
    for one in confusions(judged) if isinstance(judged, Labels) else ():
        if one.truth != one.answer:
            worst.setdefault(one.truth, one)
    return [
        Label(
            name,
            int(rows[i]),
            int(said[i]),
            int(right[i]),
            judged.labels[worst[i].answer] if i in worst else "",
            worst[i].rows if i in worst else 0,
        )
        for i, name in enumerate(judged.labels)
        if rows[i] or said[i]
    ]


def weakest(labels: list[Label]) -> Label | None:
    """The label with the lowest F1 of those with enough rows; None when all are faultless."""
    known = [label for label in labels if label.rows >= FEWEST and label.f1 < 1]
    return min(known, key=lambda label: label.f1, default=None)


def most_confused(judged: Labels, most: int) -> list[int]:
    """The labels that take part in most mistakes, in the labels' order."""
    part = np.zeros(len(judged.labels), int)
    for one in confusions(judged):
        if one.truth != one.answer:
            part[one.truth] += one.rows
            part[one.answer] += one.rows
    return sorted(int(i) for i in np.argsort(-part, kind="stable")[:most])
