"""LabelSets: any number of labels a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from weitiao.tasks.answers.base import LOWEST_PROBABILITY, Answers, names_in, relabelled

if TYPE_CHECKING:
    import pyarrow as pa


class LabelSets(Answers):
    """targets, values (n, labels) of 0 and 1; scores (n, labels) probabilities."""

    kind: ClassVar[str] = "multilabel"
    probabilities: ClassVar[bool] = True
    interchangeable: ClassVar[bool] = True
    often_empty: ClassVar[bool] = True
    plain_metric: ClassVar[str] = "micro_f1"
    metrics: ClassVar[tuple[str, ...]] = ("micro_f1", "macro_f1", "accuracy")

    def confidence(self) -> np.ndarray:
        """Of the whole set: the minimum over labels of max(p, 1 - p), given the decision."""
        predicted = self.values.astype(bool)
        return np.asarray(np.where(predicted, self.scores, 1 - self.scores).min(1))

    def mistake_confidence(self) -> np.ndarray:
        """The largest |p - y| over labels."""
        return np.asarray(np.abs(self.scores - self.targets).max(1))

    def closest_calls(self) -> np.ndarray:
        """By how near the score of a label comes to 1/2."""
        return np.argsort(np.abs(self.scores - 0.5).min(1), kind="stable")

    def constant(self) -> Self:
        often = (self.targets.mean(0) > 0.5).astype(np.int64)
        return replace(self, values=np.tile(often, (len(self.targets), 1)))

    def label_counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        gold, predicted = self.targets.astype(float), self.values.astype(float)
        return weights @ (gold * predicted), weights @ predicted, weights @ gold

    def has_label(self, at: int) -> np.ndarray:
        return np.asarray(self.targets[:, at] == 1)

    # --- calibration

    def claims(self) -> tuple[np.ndarray, np.ndarray]:
        """Of every label of every row: each is a binary prediction."""
        return self.scores.ravel().astype(float), self.targets.ravel().astype(bool)

    def nll(self) -> float:
        scores = self.scores.astype(float)
        yes, no = (np.clip(one, LOWEST_PROBABILITY, 1.0) for one in (scores, 1 - scores))
        return float(-np.log(np.where(self.targets.astype(bool), yes, no)).mean())

    def brier(self) -> float:
        return float(((self.scores - self.targets.astype(bool)) ** 2).mean())

    def tempered(self, power: float) -> Self:
        from scipy.special import expit

        # logit(p) = log p - log(1 - p)
        yes = np.log(np.clip(self.scores.astype(float), LOWEST_PROBABILITY, 1.0))
        no = np.log(np.clip(1.0 - self.scores, LOWEST_PROBABILITY, 1.0))
        return replace(self, scores=np.asarray(expit(power * (yes - no))))

    @classmethod
    def cross_entropy(cls, logits: np.ndarray, labels: np.ndarray, smoothing: float) -> float:
        from scipy.special import log_expit

        gold = labels * (1 - smoothing) + smoothing / 2
        return float(-(gold * log_expit(logits) + (1 - gold) * log_expit(-logits)).mean())

    @classmethod
    def known(cls, labels: np.ndarray, outputs: int) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(len(labels), bool), labels[:, :outputs]

    # --- what `predict` returns

    @classmethod
    def as_returned(cls, values: list[Any]) -> Any:
        """Tuples of labels; None where the model abstains."""
        return [None if value is None else tuple(value) for value in values]

    # --- answers.parquet

    def column(self, values: np.ndarray) -> pa.Array:
        import pyarrow as pa

        rows, places = np.nonzero(values)
        offsets = np.searchsorted(rows, np.arange(len(values) + 1)).astype(np.int32)
        names = pa.array(self.labels, pa.string()).take(pa.array(places))
        return pa.ListArray.from_arrays(pa.array(offsets), names)

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> np.ndarray:
        import pyarrow as pa
        import pyarrow.compute as pc

        known = pa.array(labels, pa.string())
        values = np.zeros((len(cells), len(labels)), np.int64)
        rows = pc.list_parent_indices(cells).to_numpy(zero_copy_only=False)
        places = pc.index_in(cells.flatten(), known).to_numpy(zero_copy_only=False)
        values[rows, places] = 1
        return values

    @classmethod
    def _scores_of(cls, table: pa.Table) -> np.ndarray:
        flat = table.column("scores").combine_chunks().flatten()
        return np.asarray(flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1))

    # --- the same rows in other runs and files

    def gold_keys(self, rows: np.ndarray) -> list[Any]:
        return [set(self.spelled(row)) for row in self.targets[rows]]

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        return replace(
            self,
            targets=_moved(gold.targets[rows], relabelled(gold.labels, labels), len(labels)),
            values=_moved(self.values[places], relabelled(self.labels, labels), len(labels)),
            scores=np.zeros((len(rows), 0)),
            labels=labels,
        )

    @classmethod
    def from_cells(cls, values: Sequence[Any], targets: Sequence[Any] | None) -> Self:
        labels = names_in(targets, values)
        at = {label: place for place, label in enumerate(labels)}

        def sets(cells: Sequence[Any]) -> np.ndarray:
            rows = np.zeros((len(cells), len(labels)), np.int64)
            for row, cell in enumerate(cells):
                for label in cell or ():
                    rows[row, at[str(label)]] = 1
            return rows

        return cls(None if targets is None else sets(targets), sets(values), None, labels)

    # --- the page

    def spelled(self, value: np.ndarray) -> list[str]:
        return [self.labels[int(at)] for at in np.flatnonzero(value)]

    def plain(self, value: np.ndarray) -> list[str]:
        return self.spelled(value)


def _moved(values: np.ndarray, places: np.ndarray, labels: int) -> np.ndarray:
    """The columns of an indicator matrix at new positions; columns that coincide are or-ed."""
    moved = np.zeros((len(values), labels), np.int64)
    for at, place in enumerate(places[:-1]):
        moved[:, place] |= values[:, at]
    return moved
