"""Regression: a number for a text or for a pair of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.data.files.cells import different_cells
from weitiao.data.infer.cells import (
    has_decimal_commas,
    id_lists,
    is_ambiguous,
    number,
    with_point,
)
from weitiao.errors import DataError
from weitiao.example import Batch, Example, Prediction
from weitiao.i18n.messages import _, name_list
from weitiao.losses.base import weighted_sum
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.base import Task

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.infer.column_stats import Column
    from weitiao.data.infer.roles import Evidence


class Regression(Task):
    """Ratings, prices, similarity: a real number a row.

    The network learns standardized targets (target - mean) / std, so that training is independent
    of the unit; both are folded into the last layer of the saved model, which predicts in the unit
    of the target.
    """

    roles: ClassVar[tuple[str, ...]] = ("text",)
    optional_roles: ClassVar[tuple[str, ...]] = ("text_pair",)
    metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman", "mae", "rmse")
    losses: ClassVar[tuple[str, ...]] = ("mse",)
    answers: ClassVar[type[Answers]] = Numbers
    numeric: ClassVar[bool] = True
    problem_type: ClassVar[str] = "regression"
    mean: float = Field(0.0, description="of the training targets; learned")
    std: float = Field(1.0, description="standard deviation of the training targets; learned")

    @property
    def outputs(self) -> int:
        return 1

    @classmethod
    def cell_parser(cls, table: Any, column: str) -> Callable[[str], Any]:
        """The other cells of the column tell what the comma of 1,234 is."""

        @cache
        def decimal() -> bool:  # all cells are read only if one asks
            return has_decimal_commas(different_cells(table.column(column)))

        def parse(cell: str) -> float:
            clear = with_point(cell) if is_ambiguous(cell) and decimal() else cell
            return cls.parse_target(clear, column)

        return parse

    @classmethod
    def parse_target(cls, cell: str, column: str) -> float:
        value = number(cell)
        if value is not None:
            return value
        shown = cell.strip()[:40]
        raise ValueError(
            _(
                "{column} is {cell!r}, which is 1234 to some and 1.234 to others. Write such "
                "numbers without the comma, or with a point.",
                column=column,
                cell=shown,
            )
            if is_ambiguous(cell)
            else _(
                "{column} is {cell!r}, not a finite number. Correct or empty the cell, or use "
                "--task classification.",
                column=column,
                cell=shown,
            )
        )

    @classmethod
    def fits(cls, column: Column) -> bool:
        return column.numbers is not None

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        column = evidence.target
        if column is None or column.numbers is None or column.is_class_index:
            return None
        if ids := id_lists(column.counts):
            raise DataError(
                _(
                    "{name!r}: a cell such as {cell!r} is a number with a decimal comma to some, "
                    "and two labels to others. Say --task regression or --task multilabel.",
                    name=column.name,
                    cell=ids,
                )
            )
        between = {"name": column.name, "low": min(column.numbers), "high": max(column.numbers)}
        reason = (
            _(
                "{name!r} holds {distinct} different whole numbers from {low:g} to {high:g}; if "
                "they only name classes: --task classification",
                distinct=len(set(column.numbers)),
                **between,
            )
            if column.whole
            else _("{name!r} holds numbers with fractions from {low:g} to {high:g}", **between)
        )
        if column.some_units:
            reason = _("{why}; some have a unit ({cell})", why=reason, cell=column.some_units)
        if column.odd:
            odd = name_list(column.odd[:3])
            reason = _("{why}; a few cells are none ({cells})", why=reason, cells=odd)
        if "text_pair" in evidence.roles:
            reason = _(
                "{why}; if they say how alike the two texts are, --task similarity learns better",
                why=reason,
            )
        return 0.6, reason

    def learn(self, targets: Sequence[Any]) -> Self:
        values = np.array([float(target) for target in targets])
        if len(values) < 2 or values.std() == 0:
            raise DataError(
                _("Regression needs targets that differ; all training rows have the same.")
            )
        return self.model_copy(update={"mean": float(values.mean()), "std": float(values.std())})

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        # float64 until standardized: float32 rounds large numbers that lie close together.
        values = np.empty(len(targets), dtype=np.float64)
        for row, target in enumerate(targets):
            try:
                values[row] = float(target)
            except (TypeError, ValueError):
                values[row] = math.nan
            if not math.isfinite(values[row]):
                raise DataError(
                    _(
                        "{row}: the target {target!r} is not a number.",
                        row=ids[row],
                        target=target,
                    )
                )
        return np.asarray((values - self.mean) / self.std, dtype=np.float32)

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """Squared distance, the divergence of two Gaussians with the same variance."""
        return weighted_sum((first.float() - second.float()).pow(2), batch.weights)

    def fold(self, weight: Any, bias: Any) -> tuple[Any, Any, Self]:
        # y = std (W x + b) + mean = (std W) x + (std b + mean)
        plain = self.model_copy(update={"mean": 0.0, "std": 1.0})
        if bias is None:  # a head without bias cannot hold the mean; the task keeps it
            return weight * self.std, None, plain.model_copy(update={"mean": self.mean})
        return weight * self.std, bias * self.std + self.mean, plain

    def score(self, logits: np.ndarray) -> np.ndarray:
        return np.asarray(logits * self.std + self.mean)

    def in_unit(self, labels: np.ndarray) -> np.ndarray:
        return self.score(labels)

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        return [Prediction(value, value) for value in scores[:, 0].tolist()]

    def to_answers(self, gold: np.ndarray, scores: np.ndarray) -> Numbers:
        numbers = scores[:, 0].astype(np.float64)
        return Numbers(gold.astype(np.float64) * self.std + self.mean, numbers, numbers)
