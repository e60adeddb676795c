"""Predictions as a table: beside the columns of the input, or a row for each span of a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from weitiao.data.files.cells import INTEGER, NUMBER, TEXT
from weitiao.data.files.csv_writer import guarded
from weitiao.data.files.table import Source
from weitiao.data.files.table_writers import NESTED
from weitiao.errors import DataError
from weitiao.example import Prediction
from weitiao.i18n.messages import _
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.spans import Spans
from weitiao.tasks.base import Task

Shape = Literal["wide", "long"]
PREFIX = "weitiao_"  # of a column of the answers whose name the input has
SPAN_COLUMNS = {
    "row": INTEGER, "start": INTEGER, "end": INTEGER, "text": TEXT, "label": TEXT, "score": NUMBER,
}  # fmt: skip
_SPAN = pa.struct([pa.field(name, kind) for name, kind in SPAN_COLUMNS.items() if name != "row"])


def shape_of(task: Task, shape: str | None, form: str) -> Shape:
    """The shape of the answers: of spans, a table has a row each. Raises DataError."""
    if shape not in (None, "wide", "long"):
        raise DataError(_("--shape: {shape!r} is neither wide nor long.", shape=shape))
    spans = issubclass(task.answers, Spans)
    if shape == "long" and not spans:
        raise DataError(_("--shape long is for names and other spans; here a row has one answer."))
    if shape is None:
        return "long" if spans and form in ("csv", "tsv", "xlsx", "parquet") else "wide"
    return "long" if shape == "long" else "wide"


def columns_of(prediction: Prediction) -> dict[str, Any]:
    """Output columns of a prediction: prediction, its fields, score, score_<label>, levels,
    offsets."""
    scores = {f"score_{label}": value for label, value in prediction.scores.items()}
    upper: dict[str, Any] = {}  # the last level of a path is the prediction itself
    for at, (name, confidence) in enumerate(prediction.levels[:-1], 1):
        upper |= {f"level_{at}": name, f"score_level_{at}": confidence}
    fields = {f"prediction_{name}": value for name, value in prediction.fields.items()}
    values = {"prediction": prediction.value, **fields, **prediction.places,
              "score": prediction.score}  # fmt: skip
    if prediction.known_score is not None:  # unknown inputs are recognized
        values |= {"best_known": prediction.best_known, "known_score": prediction.known_score}
    return {**values, **upper, **scores}


@dataclass
class Table:
    """The table of the answers to a source: its columns, and the cells of each row."""

    source: Source
    task: Task
    form: str
    shape: Shape
    answers: Mapping[str, Any]  # the columns of one prediction
    without: int = 0  # rows in which no span was found
    guarded: int = 0  # cells with an apostrophe before them
    unknown: int = 0  # rows that are refused as unknown inputs
    wordless: int = 0  # rows for which a network that writes wrote nothing

    @property
    def renamed(self) -> dict[str, str]:
        """Columns of the answers whose names the input has: name -> name in the output."""
        taken = {*self.source.columns}
        new = {}
        for name in self.answers:
            free = name
            while free in taken:
                free = PREFIX + free
            taken.add(free)
            if free != name:
                new[name] = free
        return new if self.shape == "wide" else {}

    @property
    def schema(self) -> dict[str, Any]:
        """Column -> Arrow type."""
        if self.shape == "long":
            return dict(SPAN_COLUMNS)
        own = {name: self.source.table.schema.field(name).type for name in self.source.columns}
        new = self.renamed
        return {**own, **{new.get(name, name): self._kind(name) for name in self.answers}}

    def _kind(self, name: str) -> Any:
        if name in ("start", "end"):
            return INTEGER
        if name == "prediction":
            if issubclass(self.task.answers, Spans):
                return pa.list_(_SPAN)
            if issubclass(self.task.answers, LabelSets):
                return pa.list_(TEXT)
            return NUMBER if self.task.numeric else TEXT
        return NUMBER if name.startswith(("score", "no_answer", "known_score")) else TEXT

    def cells(
        self, start: int, predictions: Iterable[Prediction | None], count: int
    ) -> Iterator[Sequence[Any]]:
        """The cells of `count` rows from `start` on; None for a row without an answer."""
        if self.shape == "long":
            for at, prediction in enumerate(predictions, start + 1):
                if prediction is not None:
                    yield from self._of_spans(at, prediction.value)
            return
        rows = self.source.table.select(self.source.columns).slice(start, count).to_pylist()
        for row, prediction in zip(rows, predictions, strict=True):
            yield self._counted([*row.values(), *self._answer(prediction)])

    def _answer(self, prediction: Prediction | None) -> list[Any]:
        if prediction is None:
            return [None] * len(self.answers)
        values = columns_of(prediction)
        known = prediction.known_score is not None
        self.unknown += known and prediction.value != prediction.best_known
        self.wordless += self.task.writes and prediction.value == ""
        if self.form not in NESTED:
            values["prediction"] = self.task.written(prediction.value)
        return [values.get(name) for name in self.answers]

    def _of_spans(self, row: int, spans: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
        self.without += not spans
        for span in spans:
            yield self._counted([row, *(span.get(name) for name in SPAN_COLUMNS if name != "row")])

    def _counted(self, cells: list[Any]) -> list[Any]:
        if self.form in ("csv", "tsv"):
            self.guarded += sum(isinstance(c, str) and guarded(c) is not c for c in cells)
        return cells
