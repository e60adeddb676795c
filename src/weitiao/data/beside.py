"""Rows that a file of their own gives: those of the test, those of validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from weitiao.data import duplicates
from weitiao.data.bad import Bad
from weitiao.data.how import How
from weitiao.data.rows import Rows
from weitiao.data.usable import usable
from weitiao.errors import DataError
from weitiao.messages import counted, tell
from weitiao.plan import DataPlan

Part = Literal["test", "validation"]


@dataclass(frozen=True, eq=False)
class Beside:
    """The labelled rows of such a file. keys: of their texts, by which they are known again."""

    part: Part
    path: str
    rows: Rows
    keys: np.ndarray
    content: str  # fingerprint of the file, targets and all

    def not_in(
        self, kept: np.ndarray, keys: np.ndarray, file: str, history: list[str]
    ) -> np.ndarray:
        """Those of the rows `kept` whose text does not stand here. Raises DataError for none."""
        leaked = duplicates.found_in(keys, self.keys)
        if count := int(leaked[kept].sum()):
            told = tell("{rows} left out whose text also stands in the test file",
                        rows=counted(count, "row"))  # fmt: skip
            if self.part == "validation":
                told = tell("{rows} left out whose text also stands in the validation file",
                            rows=counted(count, "row"))  # fmt: skip
            history.append(told)
        kept = kept[~leaked[kept]]
        if len(kept) == 0:
            raise DataError(
                tell(
                    "{file}: every row also stands in the test file {test}: give other test rows, "
                    "or none, and they are split off.",
                    file=file,
                    test=self.path,
                )
                if self.part == "test"
                else tell(
                    "{file}: every row also stands in the validation file {other}: give other "
                    "validation rows, or none, and they are split off.",
                    file=file,
                    other=self.path,
                )
            )
        return kept

    def without(self, test: Beside, history: list[str]) -> Beside:
        """Validation rows whose text does not stand in the test."""
        kept = test.not_in(np.arange(len(self.rows)), self.keys, self.path, history)
        return replace(self, rows=self.rows.take(kept), keys=self.keys[kept])


def beside(
    plan: DataPlan, part: Part, task: str, columns: list[str], history: list[str], bad: list[Bad]
) -> Beside | None:
    """The rows of the part's own file; None where the plan names none. Raises DataError."""
    path = plan.test_path if part == "test" else plan.validation_path
    if path is None:
        return None
    source = How(plan.reader, plan.skip_bad).open_other(path, plan.path)
    history += source.history
    bad += source.bad
    roles = {role: column for role, column in plan.roles.items() if role != "group"}
    rows, _ = usable(source, plan.model_copy(update={"roles": roles}), task, history, bad)
    if len(rows) == 0:
        raise DataError(
            tell("{file}: the test file has no labelled row.", file=source.name)
            if part == "test"
            else tell("{file}: the validation file has no labelled row.", file=source.name)
        )
    keys = duplicates.text_keys(source.table, columns, rows.indices)
    return Beside(part, str(path), rows, keys, source.fingerprint)
