"""Each label's figures, and which labels are taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weitiao.labels.tags.counts import by_label
from weitiao.tasks.base import Judged

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


def confusions(judged: Judged) -> list[Confusion]:
    """Every pair of truth and answer that occurs, right ones too, the most frequent first."""
    size = len(judged.labels)
    cells, counts = np.unique(judged.targets * size + judged.values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [Confusion(int(cells[i]) // size, int(cells[i]) % size, int(counts[i])) for i in order]


def labels_of(judged: Judged) -> list[Label]:
    """The figures of every label that is true or given somewhere, in the labels' order."""
    size = len(judged.labels)
    if judged.kind == "spans":
        return []
    worst: dict[int, Confusion] = {}
    if judged.kind == "tags":
        right, said, rows = by_label(judged.targets, judged.values, size).T
    elif judged.kind == "multilabel":
        truth, given = judged.targets.astype(bool), judged.values.astype(bool)
        rows, said, right = truth.sum(0), given.sum(0), (truth & given).sum(0)
    else:
        rows = np.bincount(judged.targets, minlength=size)
        said = np.bincount(judged.values, minlength=size)
        hit = judged.targets == judged.values
        right = np.bincount(judged.targets[hit], minlength=size)
        for one in confusions(judged):
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


def most_confused(judged: Judged, most: int) -> list[int]:
    """The labels that take part in most mistakes, in the labels' order."""
    part = np.zeros(len(judged.labels), int)
    for one in confusions(judged):
        if one.truth != one.answer:
            part[one.truth] += one.rows
            part[one.answer] += one.rows
    return sorted(int(i) for i in np.argsort(-part, kind="stable")[:most])
