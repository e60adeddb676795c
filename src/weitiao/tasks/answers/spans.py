"""Spans: labelled places in a text, such as names, or a tag for each word."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from weitiao.core.ragged import Ragged, edges
from weitiao.labels.tags.counts import by_row, by_row_and_label
from weitiao.tasks.answers.base import Answers, relabelled

if TYPE_CHECKING:
    import pyarrow as pa


class Spans(Answers):
    """targets, values Ragged (start, end, label) in characters of the row's text; scores Ragged,
    one a span of `values`; counts (n, 2): how many words (or characters) have the right tag, and
    how many there are."""

    kind: ClassVar[str] = "tags"
    unit: ClassVar[Literal["rows", "spans"]] = "spans"
    often_empty: ClassVar[bool] = True
    plain_metric: ClassVar[str] = "entity_f1"
    metrics: ClassVar[tuple[str, ...]] = (
        "entity_f1",
        "entity_precision",
        "entity_recall",
        "token_accuracy",
    )

    def right(self) -> np.ndarray:
        """Exact match of all spans of a row: true positives = predicted = gold."""
        return np.asarray(np.ptp(by_row(self.targets, self.values), axis=1) == 0)

    def differs(self, other: Self) -> np.ndarray:
        return np.asarray(np.ptp(by_row(self.values, other.values), axis=1) > 0)

    def confidence(self) -> np.ndarray:
        """The minimum over the predicted spans; 1 without any."""
        # minimum.at, not indexing: rows with more than one span occur more than once.
        least = np.ones(len(self.scores))
        np.minimum.at(least, self.scores.owners, self.scores.values)
        return least

    def has_confidence(self) -> np.ndarray:
        """Where at least one span is predicted."""
        return np.asarray(self.values.lengths > 0)

    def mistake_confidence(self) -> np.ndarray:
        """Rows without a predicted span last: nothing in them is confident."""
        return np.where(self.has_confidence(), self.confidence(), 0.0)

    def constant(self) -> Self:
        """No span; where each word has a tag, the most frequent tag for all."""
        gold, words = self.targets, self.counts[:, 1]
        if np.array_equal(gold.lengths, words):
            most = np.bincount(gold.values[:, 2], minlength=len(self.labels)).argmax()
            values = Ragged(gold.values.copy(), gold.offsets)
            values.values[:, 2] = most
            right = np.bincount(gold.owners[gold.values[:, 2] == most], minlength=len(gold))
        else:
            values = Ragged(gold.values[:0], np.zeros_like(gold.offsets))
            right = words - gold.lengths  # an upper bound: each span covers at least one word
        return replace(self, values=values, counts=np.column_stack([right, words]))

    def label_counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the spans of each label."""
        each = by_row_and_label(self.targets, self.values, len(self.labels))
        right, predicted, gold = (weights @ table.astype(float) for table in each)
        return right, predicted, gold

    # --- answers.parquet

    def columns(self) -> dict[str, pa.Array]:
        import pyarrow as pa

        right, words = map(pa.array, self.counts.T)
        return {**Answers.columns(self), "right": right, "words": words}

    def column(self, values: Ragged) -> pa.Array:
        import pyarrow as pa

        start, end, label = values.values.T
        names = pa.array(self.labels, pa.string()).take(pa.array(label))
        spans = pa.StructArray.from_arrays(
            [pa.array(start), pa.array(end), names], names=["start", "end", "label"]
        )
        return pa.ListArray.from_arrays(pa.array(values.offsets.astype(np.int32)), spans)

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> Ragged:
        import pyarrow as pa
        import pyarrow.compute as pc

        spans = cells.flatten()
        places = pc.index_in(spans.field("label"), pa.array(labels, pa.string()))
        parts = [spans.field("start"), spans.field("end"), places]
        values = np.column_stack([part.to_numpy(zero_copy_only=False) for part in parts])
        return Ragged(values.astype(np.int64).reshape(-1, 3), edges(_lengths(cells)))

    @classmethod
    def _scores_of(cls, table: pa.Table) -> Ragged:
        lists = table.column("scores").combine_chunks()
        return Ragged(lists.flatten().to_numpy(zero_copy_only=False), edges(_lengths(lists)))

    @classmethod
    def _counts_of(cls, table: pa.Table) -> np.ndarray:
        return np.column_stack([table.column(name).to_numpy() for name in ("right", "words")])

    # --- the same rows in other runs and files

    def gold_keys(self, rows: np.ndarray) -> list[Any]:
        gold = self.targets[rows]
        spans = [(start, end, self.labels[at]) for start, end, at in gold.values.tolist()]
        return [set(spans[a:b]) for a, b in pairwise(gold.offsets.tolist())]

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        return replace(
            self,
            targets=_renamed(gold.targets[rows], relabelled(gold.labels, labels)),
            values=_renamed(self.values[places], relabelled(self.labels, labels)),
            scores=np.zeros((len(rows), 0)),
            labels=labels,
            counts=None if self.counts is None else self.counts[places],
        )


def _renamed(spans: Ragged, places: np.ndarray) -> Ragged:
    labels = places[spans.values[:, 2]]
    return Ragged(np.column_stack([spans.values[:, :2], labels]), spans.offsets)


def _lengths(lists: pa.ListArray) -> np.ndarray:
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
