"""A raw row, as people hand it over, as an Example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weitiao.data.joined import columns_beside, joined
from weitiao.data.values import natural
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.messages import tell
from weitiao.tasks.base import Task


def example_of(
    task: Task, columns: Mapping[str, str | list[str]], row: str | Mapping[str, Any]
) -> Example:
    """A text, or a mapping of roles (or of the training columns, whose names win) to texts.

    columns: role -> column. Raises DataError when a text, or a column beside it, is missing.
    """
    if isinstance(row, str):
        row = {task.roles[0]: row}
    inputs = {}
    for role in (*task.roles, *task.optional_roles):
        if role not in columns:
            continue
        column = str(columns[role])
        value = row.get(column, row.get(role))
        if value is None:
            raise DataError(_lacking(role, column, row))
        inputs[role] = natural(value)
    beside = columns_beside(columns)
    for column in beside:
        if column not in row:
            raise DataError(_lacking("columns", column, row))
    if beside:
        cells = {name: "" if row[name] is None else natural(row[name]) for name in beside}
        first = next(iter(inputs))
        inputs[first] = joined(cells, inputs[first])
    return Example(inputs)


def _lacking(role: str, column: str, row: Mapping[str, Any]) -> str:
    return tell(
        "the row has no {role!r} (column {column!r}); it has {columns}.",
        role=role,
        column=column,
        columns=", ".join(map(repr, sorted(row))),
    )
