"""Validation and test sets supplied as separate files, without overlap with the training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.open import ReadOptions
from weitiao.data.infer.roles import OF_TRAINING
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.filter import usable
from weitiao.data.prepare.split import TOGETHER, keys_of, with_value
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural
from weitiao.planfile.plan import DataPlan

Part = Literal["test", "validation"]


@dataclass(frozen=True, eq=False)
class ExtraFile:
    """The labelled rows of a separate file. keys: hashes of their texts, to detect leakage;
    declared: whether they are a part that a column of the main file declares."""

    part: Part
    path: str
    rows: Rows
    keys: np.ndarray
    content: str  # fingerprint of the file, targets and all
    declared: bool = False

    def without_overlap(
        self, positions: np.ndarray, rows: Rows, keys: np.ndarray, history: list[str]
    ) -> np.ndarray:
        """Remove data leakage: positions of rows whose text, passage and group this file lacks.

        keys: of the texts of all rows. Raises DataError when no row is left.
        """
        # The other rows give way, never this file's: results on a published set must compare.
        leaked = duplicates.is_in(keys, self.keys)
        if count := int(leaked[positions].sum()):
            left_out = plural(count, "row")
            history.append(
                _("{rows} left out whose text also stands in the test file", rows=left_out)
                if self.part == "test"
                else _(
                    "{rows} left out whose text also stands in the validation file", rows=left_out
                )
            )
        positions = positions[~leaked[positions]]
        tied = self._tied(rows.take(positions))
        if count := int(tied.sum()):
            left_out = plural(count, "row")
            history.append(
                _(
                    "{rows} left out whose passage or group also stands in the test file",
                    rows=left_out,
                )
                if self.part == "test"
                else _(
                    "{rows} left out whose passage or group also stands in the validation file",
                    rows=left_out,
                )
            )
        positions = positions[~tied]
        if len(positions) == 0:
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
        return positions

    def without(self, test: ExtraFile, history: list[str]) -> ExtraFile:
        """Validation rows without leakage from the test set (text, passage, group)."""
        positions = np.arange(len(self.rows))
        positions = test.without_overlap(positions, self.rows, self.keys, history)
        return replace(self, rows=self.rows.take(positions), keys=self.keys[positions])

    def _tied(self, rows: Rows) -> np.ndarray:
        """(rows,) bool: whether a row's passage or group stands here; empty cells match nothing."""
        tied = np.zeros(len(rows), bool)
        for role in TOGETHER:
            if role in rows.roles and role in self.rows.roles:
                here = keys_of(with_value(self.rows, role), role)
                tied |= duplicates.is_in(keys_of(rows, role), here)
        return tied


def open_extra_file(
    plan: DataPlan, part: Part, like: Rows, history: list[str], bad: list[Bad]
) -> ExtraFile | None:
    """Open the separate file of a split; None where the plan names none. Raises DataError.

    like: the rows of the main file.
    """
    path = plan.test_path if part == "test" else plan.validation_path
    if path is None:
        return None
    source = ReadOptions(plan.reader, plan.skip_bad).open_other(path, plan.path)
    history += source.history
    bad += source.bad
    # A test file need not have the column of groups, since it is one part already, or of weights.
    roles = {
        r: name
        for r, name in plan.roles.items()
        if r not in OF_TRAINING
        or {*([name] if isinstance(name, str) else name)} <= {*source.columns}
    }
    own = plan.model_copy(update={"roles": roles})
    separator = like.changes.labels.separator if like.changes else ""
    rows, _unused = usable(source, own, like.task, history, bad, strict=False, separator=separator)
    if len(rows) == 0:
        raise DataError(
            _("{file}: the test file has no labelled row.", file=source.name)
            if part == "test"
            else _("{file}: the validation file has no labelled row.", file=source.name)
        )
    keys = duplicates.text_keys(source.table, like.text_columns, rows.indices)
    return ExtraFile(part, str(path), rows, keys, source.fingerprint)


def extra_part(part: Part, rows: Rows, content: str) -> ExtraFile | None:
    """The rows that a column of the file declares to be a part of their own; None for no rows."""
    if len(rows) == 0:
        return None
    keys = duplicates.text_keys(rows.table, rows.text_columns, rows.indices)
    return ExtraFile(part, rows.name, rows, keys, content, declared=True)
