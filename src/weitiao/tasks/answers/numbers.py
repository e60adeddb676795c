"""Numbers: a real number a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from weitiao.tasks.answers.base import Answers

if TYPE_CHECKING:
    import pyarrow as pa

FLIP_STD = 0.25  # standard deviations of the targets; a prediction that moves further has flipped
SAME_GOLD = 1e-6  # relative distance up to which two files state the same number


class Numbers(Answers):
    """targets, values (n,) float in the unit of the target. A number has no confidence: scores are
    the values."""

    kind: ClassVar[str] = "number"
    numeric: ClassVar[bool] = True
    plain_metric: ClassVar[str] = "mae"
    metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman", "mae", "rmse")

    def losses(self) -> np.ndarray:
        """The absolute error."""
        return np.abs(self.values - self.targets)

    def confidence(self) -> np.ndarray:
        return np.asarray(self.values)

    def mistakes(self) -> np.ndarray:
        errors = self.losses()
        order = np.argsort(-errors, kind="stable")
        return order[errors[order] > 0]

    def closest_calls(self) -> np.ndarray:
        return np.zeros(0, int)

    def changed(self, rows: np.ndarray, after: Self) -> tuple[np.ndarray, np.ndarray]:
        before = self.values[rows]
        flips = np.abs(after.values - before) > FLIP_STD * max(float(self.targets.std()), 1e-12)
        return flips, flips & (after.losses() > np.abs(before - after.targets))

    def constant(self) -> Self:
        """The mean."""
        return replace(self, values=np.full(len(self.targets), float(self.targets.mean())))

    # --- what `predict` returns

    @classmethod
    def as_returned(cls, values: list[Any]) -> Any:
        """An array of floats."""
        return np.array(values, dtype=np.float64)

    # --- answers.parquet

    def column(self, values: np.ndarray) -> pa.Array:
        import pyarrow as pa

        return pa.array(values.astype(np.float64))

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> np.ndarray:
        return np.asarray(cells.to_numpy(zero_copy_only=False))

    # --- the same rows in other runs and files

    def has_gold(self) -> np.ndarray:
        return ~np.isnan(self.targets)

    def answered(self) -> np.ndarray:
        return ~np.isnan(self.values)

    def gold_differs(self, rows: np.ndarray, other: Self, there: np.ndarray) -> np.ndarray:
        here = self.targets[rows]
        distance = np.abs(here - other.targets[there])
        return np.asarray(distance > SAME_GOLD * np.maximum(1, np.abs(here)))

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        values = self.values[places]
        return replace(self, targets=gold.targets[rows], values=values, scores=values)

    @classmethod
    def from_cells(cls, values: Sequence[Any], targets: Sequence[Any] | None) -> Self:
        """An empty cell is nan."""

        def numbers(cells: Sequence[Any]) -> np.ndarray:
            return np.array([np.nan if cell is None else float(cell) for cell in cells])

        return cls(None if targets is None else numbers(targets), numbers(values))

    # --- the page

    def plain(self, value: Any) -> float:
        return float(value)
