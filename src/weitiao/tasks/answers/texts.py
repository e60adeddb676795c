"""Texts: an answer that a network has written, held against a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from weitiao.labels.texts.similarity import sentence_chrf
from weitiao.tasks.answers.base import Answers, lists_of

if TYPE_CHECKING:
    import pyarrow as pa

SAME = 0.999_999  # chrF of a row that counts as equal: rounding of its ratio


class Texts(Answers):
    """targets, values (n,) texts, arrays of objects; scores (n,) the geometric mean of the
    probabilities of the tokens; counts (n, 1 or 3) the chrF of each row, 0 to 1, and with a
    glossary how many of its terms stand in the reference, and of those in the text."""

    kind: ClassVar[str] = "text"
    plain_metric: ClassVar[str] = "chrf"
    metrics: ClassVar[tuple[str, ...]] = ("bleu", "chrf", "exact_match")

    @classmethod
    def of(cls, targets: Any, values: Sequence[str], scores: Any) -> Self:
        """Answers with the chrF of each row."""
        texts = _texts(values)
        return cls(targets, texts, np.asarray(scores, float), counts=_chrf(texts, targets))

    def confidence(self) -> np.ndarray:
        return np.asarray(self.scores)

    def losses(self) -> np.ndarray:
        """1 - chrF of each row."""
        return 1 - np.asarray(self.counts[:, 0])

    def mistakes(self) -> np.ndarray:
        """Rows that are not equal to their reference, the furthest from it first."""
        wrong = np.flatnonzero(~self.right())
        return wrong[np.argsort(self.counts[wrong, 0], kind="stable")]

    def changed(self, rows: np.ndarray, after: Self) -> tuple[np.ndarray, np.ndarray]:
        flips = self.values[rows] != after.values
        return flips, flips & (after.losses() > self.losses()[rows])

    def constant(self) -> Self:
        """The most frequent reference, for every row."""
        known, counts = np.unique(self.targets.astype(str), return_counts=True)
        values = np.full(len(self), str(known[counts.argmax()]), object)
        return replace(self, values=values, counts=_chrf(values, self.targets))

    # --- answers.parquet

    def columns(self) -> dict[str, pa.Array]:
        return {**Answers.columns(self), "counts": lists_of(self.counts, np.float64)}

    def column(self, values: np.ndarray) -> pa.Array:
        import pyarrow as pa

        return pa.array(values.tolist(), pa.string())

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> np.ndarray:
        return _texts(cells.to_pylist())

    @classmethod
    def _counts_of(cls, table: pa.Table) -> np.ndarray:
        flat = table.column("counts").combine_chunks().flatten()
        return np.asarray(flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1))

    # --- the same rows in other runs and files

    def has_gold(self) -> np.ndarray:
        return np.array([target is not None for target in self.targets])

    def answered(self) -> np.ndarray:
        return np.array([value is not None for value in self.values])

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        targets, values = gold.targets[rows], self.values[places]
        scores = np.zeros(len(rows))
        counts = np.concatenate([_chrf(values, targets), self.counts[places, 1:]], 1)
        return replace(self, targets=targets, values=values, scores=scores, counts=counts)

    @classmethod
    def from_cells(cls, values: Sequence[Any], targets: Sequence[Any] | None) -> Self:
        """Texts of a file; an empty cell is None."""
        return cls(None if targets is None else _texts(targets), _texts(values))

    # --- the page

    def plain(self, value: Any) -> Any:
        return value


def _texts(values: Sequence[Any]) -> np.ndarray:
    texts = np.empty(len(values), object)
    for row, value in enumerate(values):
        texts[row] = value
    return texts


def _chrf(values: np.ndarray, targets: Any) -> np.ndarray:
    pairs = zip(values, targets, strict=True)
    return np.array([sentence_chrf(value or "", target or "") for value, target in pairs])[:, None]
