"""Labels: exactly one label a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from weitiao.tasks.answers.base import LOWEST_PROBABILITY, Answers, names_in, relabelled

if TYPE_CHECKING:
    import pyarrow as pa


class Labels(Answers):
    """targets, values (n,) int places in `labels`; scores (n, labels) probabilities."""

    kind: ClassVar[str] = "single"
    probabilities: ClassVar[bool] = True
    interchangeable: ClassVar[bool] = True
    plain_metric: ClassVar[str] = "accuracy"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1", "mcc")

    def confidence(self) -> np.ndarray:
        return np.asarray(self.scores[np.arange(len(self.values)), self.values])

    def closest_calls(self) -> np.ndarray:
        """By the margin between the two highest scores."""
        highest = np.partition(self.scores, -2, axis=1)[:, -2:]
        return np.argsort(highest[:, 1] - highest[:, 0], kind="stable")

    def constant(self) -> Self:
        most = np.bincount(self.targets, minlength=len(self.labels)).argmax()
        return replace(self, values=np.full(len(self.targets), most))

    def label_counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Counts the cells of the confusion matrix that occur, then sums cells: one pass over the
        # rows for each sample, however many labels there are.
        labels = int(max(self.targets.max(), self.values.max(), len(self.labels) - 1)) + 1
        cells, cell = np.unique(self.targets * labels + self.values, return_inverse=True)
        counts = np.stack([np.bincount(cell, sample, len(cells)) for sample in weights])
        gold, predicted = np.divmod(cells, labels)
        every = np.arange(labels)
        is_gold, is_predicted = gold[:, None] == every, predicted[:, None] == every
        return (
            counts @ (is_gold & is_predicted).astype(float),
            counts @ is_predicted.astype(float),
            counts @ is_gold.astype(float),
        )

    def has_label(self, at: int) -> np.ndarray:
        return np.asarray(self.targets == at)

    def confusions(self) -> list[tuple[int, int, int]]:
        """Non-zero cells of the confusion matrix, (gold, predicted, rows), largest first."""
        size = len(self.labels)
        cells, counts = np.unique(self.targets * size + self.values, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(int(cells[i]) // size, int(cells[i]) % size, int(counts[i])) for i in order]

    # --- calibration

    def claims(self) -> tuple[np.ndarray, np.ndarray]:
        """Top-label calibration (Guo et al., 2017): of the argmax, whatever the decision rule."""
        return self.scores.max(1).astype(float), self.scores.argmax(1) == self.targets

    def nll(self) -> float:
        # A float32 score may be 0: clipped, so that the logarithm stays finite.
        wide = np.clip(self.scores.astype(float), LOWEST_PROBABILITY, 1.0)
        return float(-np.log(wide[np.arange(len(self.targets)), self.targets]).mean())

    def brier(self) -> float:
        gold = np.zeros(self.scores.shape)
        gold[np.arange(len(self.targets)), self.targets] = 1
        return float(((self.scores - gold) ** 2).sum(1).mean())

    def tempered(self, power: float) -> Self:
        from scipy.special import softmax

        # log p equals the logits up to a constant, which softmax cancels.
        logs = np.log(np.clip(self.scores.astype(float), LOWEST_PROBABILITY, 1.0))
        return replace(self, scores=np.asarray(softmax(power * logs, axis=1)))

    @classmethod
    def cross_entropy(cls, logits: np.ndarray, labels: np.ndarray, smoothing: float) -> float:
        from scipy.special import log_softmax

        logs = log_softmax(logits, axis=1)
        gold = logs[np.arange(len(labels)), labels]
        return float(-((1 - smoothing) * gold + smoothing * logs.mean(1)).mean())

    @classmethod
    def known(cls, labels: np.ndarray, outputs: int) -> tuple[np.ndarray, np.ndarray]:
        return labels < outputs, labels

    # --- what `predict` returns

    @classmethod
    def as_returned(cls, values: list[Any]) -> Any:
        """An array of labels; None where the model abstains."""
        return np.array(values)

    # --- answers.parquet

    def column(self, values: np.ndarray) -> pa.Array:
        import pyarrow as pa

        return pa.array(self.labels, pa.string()).take(pa.array(values.astype(np.int64)))

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> np.ndarray:
        import pyarrow as pa
        import pyarrow.compute as pc

        places = pc.index_in(cells, pa.array(labels, pa.string()))
        if places.null_count:
            raise ValueError("a label that is none of the header's")
        return np.asarray(places.to_numpy(zero_copy_only=False).astype(np.int64))

    @classmethod
    def from_arrow(cls, table: pa.Table, labels: tuple[str, ...], separator: str) -> Self:
        found = super().from_arrow(table, labels, separator)
        if len(found.values) and found.values.max() >= found.scores.shape[1]:
            raise ValueError("a label without a score")
        return found

    @classmethod
    def _scores_of(cls, table: pa.Table) -> np.ndarray:
        flat = table.column("scores").combine_chunks().flatten()
        return np.asarray(flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1))

    # --- the same rows in other runs and files

    def has_gold(self) -> np.ndarray:
        return np.asarray(self.targets >= 0)

    def unlisted(self) -> bool:
        return bool((self.values < 0).any())

    def gold_keys(self, rows: np.ndarray) -> list[Any]:
        names = [*self.labels, ""]
        return [names[at] for at in self.targets[rows]]

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        return replace(
            self,
            targets=relabelled(gold.labels, labels)[gold.targets[rows]],
            values=relabelled(self.labels, labels)[self.values[places]],
            scores=np.zeros((len(rows), 0)),
            labels=labels,
        )

    @classmethod
    def from_cells(cls, values: Sequence[Any], targets: Sequence[Any] | None) -> Self:
        """An empty cell is -1: none of the labels."""
        labels = names_in(targets, values)
        at = {label: place for place, label in enumerate(labels)}

        def places(cells: Sequence[Any]) -> np.ndarray:
            return np.array([-1 if v is None else at[str(v)] for v in cells], np.int64)

        gold = None if targets is None else places(targets)
        return cls(gold, places(values), None, labels)

    # --- the page

    def spelled(self, value: Any) -> list[str]:
        return [self.labels[int(value)]]

    def plain(self, value: Any) -> str:
        return self.labels[int(value)]
