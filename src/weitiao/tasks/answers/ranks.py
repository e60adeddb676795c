"""Ranks: where the right passage stands among all passages of the evaluated rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from weitiao.tasks.answers.base import Answers, lists_of

if TYPE_CHECKING:
    import pyarrow as pa

CANDIDATES = "candidates"  # passages that were ranked


class Ranks(Answers):
    """targets, values (n,) the right passage and the one ranked first, arrays of objects; scores
    (n,) the cosine of the first; counts (n, 1) the rank of the right one, from 1."""

    kind: ClassVar[str] = "rank"
    plain_metric: ClassVar[str] = "recall_at1"
    metrics: ClassVar[tuple[str, ...]] = ("ndcg", "mrr", "recall_at1", "recall_at5")

    @property
    def ranks(self) -> np.ndarray:
        """(n,) from 1."""
        return np.asarray(self.counts[:, 0])

    def right(self) -> np.ndarray:
        return self.ranks == 1

    def losses(self) -> np.ndarray:
        """1 - reciprocal rank."""
        return 1 - 1 / self.ranks

    def confidence(self) -> np.ndarray:
        return np.asarray(self.scores)

    def mistakes(self) -> np.ndarray:
        wrong = np.flatnonzero(~self.right())
        return wrong[np.argsort(-self.ranks[wrong], kind="stable")]

    def constant(self) -> Self:
        """A random order: the rank in the middle of as many candidates as there are."""
        middle = (len(set(self.targets.tolist())) + 1) / 2
        return replace(self, counts=np.full((len(self), 1), middle))

    # --- answers.parquet

    def columns(self) -> dict[str, pa.Array]:
        return {**Answers.columns(self), "counts": lists_of(self.counts, np.float64)}

    def column(self, values: np.ndarray) -> pa.Array:
        import pyarrow as pa

        return pa.array(values.tolist(), pa.string())

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> np.ndarray:
        texts = np.empty(len(cells), object)
        texts[:] = cells.to_pylist()
        return texts

    @classmethod
    def _counts_of(cls, table: pa.Table) -> np.ndarray:
        flat = table.column("counts").combine_chunks().flatten()
        return np.asarray(flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1))

    # --- the same rows in other runs and files

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        values, targets = self.values[places], gold.targets[rows]
        if self.counts is None:  # a file names the first passage alone
            ranks = np.where(values == targets, 1.0, np.inf)[:, None]
        else:
            ranks = self.counts[places]
        scores = np.zeros(len(rows))
        return replace(self, targets=targets, values=values, scores=scores, counts=ranks)

    @classmethod
    def from_cells(cls, values: Sequence[Any], targets: Sequence[Any] | None) -> Self:
        def texts(cells: Sequence[Any]) -> np.ndarray:
            array = np.empty(len(cells), object)
            array[:] = list(cells)
            return array

        return cls(None if targets is None else texts(targets), texts(values))

    # --- the page

    def plain(self, value: Any) -> Any:
        return value
