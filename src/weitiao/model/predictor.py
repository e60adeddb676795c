"""Predictor: from rows of any kind to labels, predictions and probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.core.sanitize import shortened
from weitiao.data.targets import fields_of
from weitiao.errors import DataError
from weitiao.example import Example, Prediction
from weitiao.i18n.messages import _, plural
from weitiao.labels.texts.fields import values_of
from weitiao.model.row_reader import RowReader
from weitiao.model.without_text import WithoutText, is_blank, no_answer
from weitiao.tasks.base import Task

if TYPE_CHECKING:
    from weitiao.planfile.plan import Plan

CHUNK_ROWS = 10_000  # rows in memory at a time
MAX_LABELS_CHARACTERS = 80


class Predictor(ABC):
    """What a network and a saved baseline have in common: `task`, `plan`, and scores of examples.

    rows, of every method: a text; texts, tuples (pairs of texts) or dicts in a list or a generator;
    an array, a Series, a DataFrame with the columns of the training rows. Anything else is a
    DataError. A row without a text (empty, blanks only, None, NaN) has no answer: its value is None
    (NaN where values are numbers), and a warning counts such rows.
    """

    task: Task
    plan: Plan

    @abstractmethod
    def scores(self, examples: Sequence[Example]) -> Any:
        """Scores (n, outputs) for examples in memory, or what the task has instead."""

    @property
    def row_reader(self) -> RowReader:
        """The reader of rows for this model."""
        return RowReader(self.task, self.plan.data.roles)

    def __repr__(self) -> str:
        labels = self.labels_
        known = shortened(", ".join(labels), MAX_LABELS_CHARACTERS)
        about = f"{plural(len(labels), 'label')}: {known}" if labels else self.task.answers.kind
        return f"{type(self).__name__}({self.plan.task_name}, {self.name}, {about})"

    @property
    def name(self) -> str:
        """What predicts: a checkpoint, or the name of a baseline."""
        return self.plan.model.checkpoint

    def __call__(self, *rows: Any) -> Any:
        """One Prediction (value, score, scores) for one row; for several, a list of them."""
        data = rows[0] if len(rows) == 1 else list(rows)
        predictions = list(self.predictions(data))
        return predictions[0] if self.row_reader.is_row(data) else predictions

    def predict(self, rows: Any) -> Any:
        """The predicted values, as in scikit-learn: an array of labels or of numbers; a list of
        tuples where a row has several labels, of spans for tagging, of answers for questions. None
        (of numbers NaN) for a row without a text.

        `predictions` gives confidences, too.
        """
        values = [prediction.value for prediction in self.predictions(rows)]
        return self.task.answers.as_returned(values)

    def predictions(self, rows: Any, chunk: int = CHUNK_ROWS) -> Iterator[Prediction]:
        """One Prediction per row, in order; memory is bounded by `chunk` rows."""
        examples, without = self.row_reader.examples(rows), WithoutText()
        while part := list(islice(examples, chunk)):
            part = list(self.task.read(part))
            texts = without.texts(part)
            decided = iter(self.decided(texts) if texts else [])
            for example in part:
                yield no_answer() if is_blank(example) else next(decided)
        without.warn()

    def decided(self, examples: Sequence[Example]) -> list[Prediction]:
        """The predictions for examples, by the decisions of the task."""
        predictions = self.task.decide(self.scores(examples), examples)
        if not (columns := fields_of(self.task, self.plan.data.roles)):
            return predictions
        return [replace(one, fields=values_of(str(one.value), columns)) for one in predictions]

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Scores (n, labels), the columns as in `classes_`; for numbers (n, 1). NaN for a row
        without a text."""
        if self.task.writes:
            message = _("predict_proba is about labels and numbers; here answers are texts.")
            raise DataError(message)
        if self.task.per_token:
            message = _("predict_proba is about labels and numbers; here answers are places.")
            raise DataError(message)
        examples, without, scores = self.row_reader.examples(rows), WithoutText(), []
        while part := list(islice(examples, CHUNK_ROWS)):
            if texts := without.texts(part):
                scores.append(np.asarray(self.scores(texts)))
        without.warn()
        if not without.rows:
            return np.concatenate(scores)
        width = scores[0].shape[1:] if scores else (max(1, len(self.labels_)),)
        result = np.full((without.seen, *width), np.nan, np.float32)
        if scores:
            result[np.setdiff1d(np.arange(without.seen), without.rows)] = np.concatenate(scores)
        return result

    def example(self, row: Any) -> Example:
        """One row as an Example. Raises DataError when a text is missing."""
        return self.row_reader.example(row)

    @property
    def labels_(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`; empty for numbers."""
        return self.task.choices

    @property
    def classes_(self) -> np.ndarray:
        """The labels as an array, as in scikit-learn; models of numbers have none."""
        if not self.task.choices:
            raise AttributeError("classes_: this model predicts numbers or passages, not labels")
        return np.array(self.task.choices)
