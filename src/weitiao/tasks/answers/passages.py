"""Passages: a piece of a text that answers a question, or that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from weitiao.labels.passages.agreement import agreement, by_characters
from weitiao.tasks.answers.base import Answers, lists_of

if TYPE_CHECKING:
    import pyarrow as pa

# Columns of `counts`: exact match and F1 of the prediction; both of the best span, also where "no
# answer" is predicted; the margin of its score over "no answer".
EXACT, OVERLAP, BEST_EXACT, BEST_OVERLAP, MARGIN = range(5)


class Passages(Answers):
    """targets (n,) tuples of right texts, values (n,) texts, both arrays of objects; scores (n,)
    the confidence; counts (n, 5) as EXACT and so on say. A row without right text has none, and
    "" is the answer that there is none."""

    kind: ClassVar[str] = "spans"
    plain_metric: ClassVar[str] = "exact_match"
    metrics: ClassVar[tuple[str, ...]] = ("f1", "exact_match")

    def right(self) -> np.ndarray:
        return np.asarray(self.counts[:, EXACT] == 1)

    def confidence(self) -> np.ndarray:
        return np.asarray(self.scores)

    def constant(self) -> Self:
        """ "No answer" for every question."""
        right = np.array([float(not golds) for golds in self.targets])
        counts = self.counts.copy()
        counts[:, : OVERLAP + 1] = right[:, None]
        return replace(self, values=np.full(len(self.targets), "", object), counts=counts)

    # --- answers.parquet

    def columns(self) -> dict[str, pa.Array]:
        return {**Answers.columns(self), "counts": lists_of(self.counts, np.float64)}

    def column(self, values: np.ndarray) -> pa.Array:
        """Texts; of the targets, all that are right."""
        import pyarrow as pa

        return pa.array([one if isinstance(one, str) else list(one) for one in values])

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> np.ndarray:
        return _texts([tuple(v) if isinstance(v, list) else v for v in cells.to_pylist()])

    @classmethod
    def _counts_of(cls, table: pa.Table) -> np.ndarray:
        flat = table.column("counts").combine_chunks().flatten()
        return np.asarray(flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1))

    # --- the same rows in other runs and files

    def gold_keys(self, rows: np.ndarray) -> list[Any]:
        return [set(golds) for golds in self.targets[rows]]

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        """A file has predictions only: exact match and F1 are computed here."""
        targets, values = gold.targets[rows], self.values[places]
        if self.counts is not None:
            counts = self.counts[places]
        else:
            characters = by_characters([text for golds in targets for text in golds])
            pairs = [agreement(v, t, characters) for v, t in zip(values, targets, strict=True)]
            counts = np.array([(*pair, *pair, 0.0) for pair in pairs]).reshape(-1, 5)
        return replace(
            self, targets=targets, values=values, scores=np.zeros(len(rows)), counts=counts
        )

    @classmethod
    def from_cells(cls, values: Sequence[Any], targets: Sequence[Any] | None) -> Self:
        """Without targets: a file rarely has all that are right."""
        return cls(None, _texts(values))

    # --- the page

    def spelled(self, value: Any) -> list[str]:
        return [value] if isinstance(value, str) else list(value)


def _texts(values: Sequence[Any]) -> np.ndarray:
    texts = np.empty(len(values), object)
    for row, value in enumerate(values):
        texts[row] = value
    return texts
