"""Rows that a file of their own gives: those of the test, those of validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.options import How
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.filter import usable
from weitiao.data.prepare.groups import TOGETHER, keys_of, with_value
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural
from weitiao.planfile.plan import DataPlan

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
        self, kept: np.ndarray, rows: Rows, keys: np.ndarray, history: list[str]
    ) -> np.ndarray:
        """Those of the rows `kept` of which neither the text nor the passage nor the group stands
        here. keys: of the texts of all rows. Raises DataError for none."""
        leaked = duplicates.found_in(keys, self.keys)
        if count := int(leaked[kept].sum()):
            told = _("{rows} left out whose text also stands in the test file",
                        rows=plural(count, "row"))  # fmt: skip
            if self.part == "validation":
                told = _("{rows} left out whose text also stands in the validation file",
                            rows=plural(count, "row"))  # fmt: skip
            history.append(told)
        kept = kept[~leaked[kept]]
        tied = self._tied(rows.take(kept))
        if count := int(tied.sum()):
            told = _("{rows} left out whose passage or group also stands in the test file",
                        rows=plural(count, "row"))  # fmt: skip
            if self.part == "validation":
                told = _("{rows} left out whose passage or group also stands in the validation "
                            "file", rows=plural(count, "row"))  # fmt: skip
            history.append(told)
        kept = kept[~tied]
        if len(kept) == 0:
            raise DataError(
                _(
                    "{file}: every row, or its passage or group, also stands in the test file "
                    "{test}: give other test rows, or none, and they are split off.",
                    file=rows.name,
                    test=self.path,
                )
                if self.part == "test"
                else _(
                    "{file}: every row, or its passage or group, also stands in the validation "
                    "file {other}: give other validation rows, or none, and they are split off.",
                    file=rows.name,
                    other=self.path,
                )
            )
        return kept

    def without(self, test: Beside, history: list[str]) -> Beside:
        """Validation rows whose text, passage and group do not stand in the test."""
        kept = test.not_in(np.arange(len(self.rows)), self.rows, self.keys, history)
        return replace(self, rows=self.rows.take(kept), keys=self.keys[kept])

    def _tied(self, rows: Rows) -> np.ndarray:
        """(rows,) whether the passage or the group of a row stands here; an empty cell is none."""
        tied = np.zeros(len(rows), bool)
        for role in TOGETHER:
            if role in rows.roles and role in self.rows.roles:
                known = keys_of(with_value(self.rows, role), role)
                tied |= duplicates.found_in(keys_of(rows, role), known)
        return tied


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
    roles = {role: column for role, column in plan.roles.items()
             if role != "group" or column in source.columns}  # fmt: skip
    rows, _unused = usable(source, plan.model_copy(update={"roles": roles}), task, history, bad)
    if len(rows) == 0:
        raise DataError(
            _("{file}: the test file has no labelled row.", file=source.name)
            if part == "test"
            else _("{file}: the validation file has no labelled row.", file=source.name)
        )
    keys = duplicates.text_keys(source.table, columns, rows.indices)
    return Beside(part, str(path), rows, keys, source.fingerprint)
