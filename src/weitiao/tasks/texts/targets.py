"""Targets that are texts of their own: read as they stand, without labels or numbers in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from weitiao.data.targets import Locate, Roles, parse_cells, target_columns
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.tasks.base import Task


class TextTargets(Task):
    """Tasks whose target is a text, such as a translation, or the passage that answers."""

    roles: ClassVar[tuple[str, ...]] = ("text",)
    problem_type: ClassVar[str] = ""
    one_target: ClassVar[bool] = False

    @classmethod
    def read_targets(
        cls,
        table: Any,
        roles: Roles,
        positions: np.ndarray,
        locate: Locate,
        wrong: dict[int, str] | None = None,
    ) -> list[Any]:
        """The text of each row; None where the cell is blank ("NULL" may be a text)."""
        (column,) = target_columns(roles)

        def parse(cell: str) -> Any:
            return cls.parse_target(cell, column) if cell.strip() else None

        # Without the memo: hardly a text comes twice.
        return parse_cells(table, [column], positions, parse, locate, wrong, memo_size=0)

    @classmethod
    def parse_target(cls, cell: str, column: str) -> Any:
        """The text as it stands in the file."""
        return cell

    @classmethod
    def missing_markers(cls, table: Any, roles: Roles, at: np.ndarray) -> Counter[str]:
        return Counter()

    @classmethod
    def row_labels(cls, targets: Sequence[Any]) -> None:
        return None

    @classmethod
    def strata(cls, targets: Sequence[Any]) -> list[int]:
        """One stratum: texts have no kinds that a split could keep in proportion."""
        return [0] * len(targets)

    @classmethod
    def check_learnable(cls, targets: Sequence[Any], file: str) -> None:
        if len(set(targets)) < 2:
            raise DataError(
                _(
                    "{file}: every row has the same target: there is nothing to learn. Is the "
                    "target role right?",
                    file=file,
                )
            )

    def learn(self, targets: Sequence[Any]) -> Self:
        return self

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        objects = np.empty(len(targets), object)
        objects[:] = list(targets)
        return objects

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits

    def describe(self) -> Mapping[str, Any]:
        return {}
