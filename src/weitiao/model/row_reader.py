"""The one reader of rows for everything that answers: from Python objects to examples.

A model knows the roles of its texts and the columns that they stood in when it was trained; either
name is understood. See `data/python_rows.py` for what may hold the rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weitiao.data.files.cells import as_text
from weitiao.data.infer.roles import OF_TRAINING
from weitiao.data.python_rows import (
    column_names,
    columns_in,
    is_missing_value,
    is_table,
    kind_of,
    plain_cell,
    rows_in,
)
from weitiao.data.rows import extra_columns, with_columns
from weitiao.errors import DataError, placed
from weitiao.example import Example
from weitiao.i18n.messages import _, name_list
from weitiao.tasks.base import Task


@dataclass(frozen=True)
class RowReader:
    """Reads rows by the roles of a task and their columns (role -> column, of the plan)."""

    task: Task
    columns: Mapping[str, str | list[str]]

    @property
    def roles(self) -> list[str]:
        """The roles of the texts that the model reads, in its order."""
        known = (*self.task.roles, *self.task.optional_roles)
        return [role for role in known if role in self.columns]

    def is_row(self, data: Any) -> bool:
        """Whether data is one row, and no container of rows."""
        if isinstance(data, (str, Example)):
            return True
        if isinstance(data, Mapping):
            return self._lists_are_cells or not is_table(data)
        return self._is_pair(data)

    def examples(self, data: Any) -> Iterator[Example]:
        """One example for each row. Raises DataError for anything that is none."""
        for number, row in enumerate(self._rows(data)):
            try:
                yield row if isinstance(row, Example) else self.example(row)
            except DataError as error:
                raise DataError(placed(_("row {number}", number=number), str(error))) from None

    def example(self, row: Any) -> Example:
        """An example of one row: a text, a tuple of texts, or a mapping of roles or columns."""
        named = self.named(row)
        inputs = {role: self._text(role, named[str(self.columns[role])]) for role in self.roles}
        others = extra_columns(self.columns)
        if others:
            cells = {name: "" if named[name] is None else as_text(named[name]) for name in others}
            first = next(iter(inputs))
            if inputs[first].strip():  # a row without a text stays one
                inputs[first] = with_columns(cells, inputs[first])
        return Example(inputs)

    def named(self, row: Any) -> dict[str, Any]:
        """The cells of a row by the columns of the training rows; roles name columns, too.

        A missing text is None. Raises DataError where a text, or one of the role `columns`, has no
        column.
        """
        row = self._by_role(row)
        named = {}
        for role in self.roles:
            column = str(self.columns[role])
            if not _has(row, column) and role not in row:
                raise DataError(_missing(role, column, row))
            named[column] = plain_cell(_cell(row, column) if _has(row, column) else row[role])
        for column in extra_columns(self.columns):
            if not _has(row, column):
                raise DataError(_missing("columns", column, row))
            named[column] = plain_cell(_cell(row, column))
        return named

    def labelled(self, data: Any, targets: list[Any] | None) -> Iterator[dict[str, Any]]:
        """Rows to evaluate on, as `named`, with the cells of their targets."""
        others = (*self.roles, "columns", *OF_TRAINING)
        roles = [role for role in self.columns if role not in others]
        wanted = [column for role in roles for column in _listed(self.columns[role])]
        if targets is not None:
            wanted = []
        for number, row in enumerate(self._rows(data)):
            cells = self.named(row)
            for column in wanted:
                if not isinstance(row, Mapping) or not _has(row, column):
                    message = _("no column {column!r}, which holds the targets.", column=column)
                    raise DataError(placed(_("row {number}", number=number), message))
                cells[column] = plain_cell(_cell(row, column))
            if targets is not None and number < len(targets):
                cells[_listed(self.columns["target"])[0]] = targets[number]
            yield cells

    def _rows(self, data: Any) -> Iterator[Any]:
        if isinstance(data, Mapping) and self.is_row(data):
            return iter([data])
        if is_table(data):
            return rows_in(self._table(data))
        return rows_in([data] if self._is_pair(data) else data)

    def _table(self, data: Any) -> Any:
        """A table whose only column of texts may have another name than when it was trained."""
        (first, *more), names = self.roles, column_names(data)
        column = str(self.columns[first])
        if more or extra_columns(self.columns) or {column, first} & {*names} or "." in column:
            return data
        targets = _listed(self.columns.get("target", []))
        cells = columns_in(data)
        texts = [name for name in names if name not in targets and _are_texts(cells[name])]
        if len(texts) != 1:
            raise DataError(_missing(first, column, names))
        warnings.warn(
            _(
                "no column {column!r}: texts are read from {name!r}, the only column of texts.",
                column=column,
                name=texts[0],
            ),
            stacklevel=2,
        )
        cells[column] = cells.pop(texts[0])
        return cells

    def _by_role(self, row: Any) -> Mapping[str, Any]:
        """A text or a tuple of texts as a mapping from roles."""
        if isinstance(row, Mapping):
            return row
        if isinstance(row, Example):
            return row.inputs
        if is_missing_value(row):
            return dict.fromkeys(self.roles)
        texts = [row] if isinstance(row, str) else list(row) if isinstance(row, tuple) else []
        if len(texts) != len(self.roles) or not all(map(_is_text_or_missing, texts)):
            message = (
                _("a row is a text, or a dict; this is {kind}.", kind=kind_of(row))
                if len(self.roles) == 1
                else _(
                    "a row is a tuple of {count} texts ({roles}), or a dict; this is {kind}.",
                    count=len(self.roles),
                    roles=name_list(self.roles),
                    kind=kind_of(row),
                )
            )
            raise DataError(message)
        return dict(zip(self.roles, texts, strict=True))

    def _text(self, role: str, cell: Any) -> str:
        if cell is None or cell == []:
            return ""
        if isinstance(cell, (Mapping, bytes)) or (
            isinstance(cell, list) and not self._lists_are_cells
        ):
            raise DataError(
                _("the {role!r} is no text, but {kind}.", role=role, kind=kind_of(cell))
            )
        return as_text(cell)

    def _is_pair(self, data: Any) -> bool:
        texts = isinstance(data, tuple) and all(map(_is_text_or_missing, data))
        return texts and len(data) == len(self.roles) > 1

    @property
    def _lists_are_cells(self) -> bool:
        """Whether a text may come as the list of its words."""
        return self.task.head == "tokens"


def _is_text_or_missing(cell: Any) -> bool:
    return isinstance(cell, str) or is_missing_value(cell)


def _listed(columns: str | list[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _are_texts(cells: list[Any]) -> bool:
    texts = [cell for cell in cells if cell is not None]
    return bool(texts) and all(isinstance(cell, str) for cell in texts)


_ABSENT = object()


def _has(row: Mapping[str, Any], column: str) -> bool:
    return column in row or _inner(row, column) is not _ABSENT


def _cell(row: Mapping[str, Any], column: str) -> Any:
    return row[column] if column in row else _inner(row, column)


def _inner(row: Mapping[str, Any], column: str) -> Any:
    """The cell of a column like review.body in {"review": {"body": ...}}, as files are read."""
    value: Any = row
    for key in column.split("."):
        value = value.get(key, _ABSENT) if isinstance(value, Mapping) else _ABSENT
    return value


def _missing(role: str, column: str, names: Any) -> str:
    return _(
        "the row has no {role!r} (column {column!r}); it has {columns}.",
        role=role,
        column=column,
        columns=name_list(sorted(names), quoted=True),
    )
