"""Records about unknown inputs: how the detection score was chosen, and what it is worth."""

from __future__ import annotations

from pydantic import Field

from weitiao.results.record import Interval, Record, Values


class UnknownRecord(Record):
    """How the score that recognizes unknown inputs was chosen; aurocs: of each that was compared.

    chosen_by: plan, held_out_labels, unknown_rows, budget or default.
    """

    NAME = "unknown"
    score: str = ""
    chosen_by: str = ""
    aurocs: dict[str, float] = Field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.score)


class CoveragePoint(Values):
    """Where so many known rows are answered: the accuracy on them, unknown rows answered too."""

    known: float
    accuracy: float
    unknown: float | None = None


class UnknownFigures(Values):
    """Out-of-scope detection on evaluated rows; without unknown rows, of the known ones alone."""

    score: str = ""
    keep: float = 0.95
    answer: str = ""
    validation_rows: int = 0  # by which the threshold was tuned
    can_refuse: bool = True
    choice: UnknownRecord = Field(default_factory=UnknownRecord)
    known_rows: int = 0
    refused: float | None = None
    refused_interval: Interval | None = None
    accuracy: float | None = None
    accuracy_answered: float | None = None
    unknown_rows: int = 0
    auroc: float | None = None
    auroc_interval: Interval | None = None
    fpr95: float | None = None
    caught: float | None = None
    caught_interval: Interval | None = None
    accuracy_both: float | None = None
    curve: list[CoveragePoint] = Field(default_factory=list)
