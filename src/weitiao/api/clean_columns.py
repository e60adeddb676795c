"""Which columns of a source are cleaned, and which one's target names places in its text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from weitiao import parts
from weitiao.data.files.cells import TEXT
from weitiao.data.files.table import Source
from weitiao.data.infer.column_stats import columns_of
from weitiao.data.infer.roles import TEXT_ROLES, check_role, guess_roles, guess_task
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.planfile.plan import Plan
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans


@dataclass(frozen=True)
class Layout:
    """The columns of a source: those that are cleaned, and the one whose target names places."""

    texts: list[str]
    roles: dict[str, str | list[str]]
    task: str
    moved: str = ""  # the text whose places the target names

    @property
    def passages(self) -> bool:
        return issubclass(parts.find("tasks", self.task).answers, Passages)


def layout_of(
    source: Source,
    plan: Plan | None,
    texts: list[str],
    target: str | None,
    roles: Mapping[str, str | list[str]],
    task: str | None,
) -> Layout:
    """Which columns are cleaned. Raises DataError where no column is a text."""
    known: dict[str, str | list[str]] = dict(plan.data.roles) if plan else {}
    known |= dict(roles) | ({"target": target} if target else {})
    for role, column in known.items():
        check_role(role, column, source.columns)
    for column in texts:
        check_role("text", column, source.columns)
    if len(texts) == 1 and not set(TEXT_ROLES) & known.keys():
        known["text"] = texts[0]
    name = task or (plan.task_name if plan else "")
    if plan is None:
        # Rows without a target, or with columns that say little, are cleaned as well.
        with suppress(DataError):
            known = dict(guess_roles(source.table, known, task).roles)
            name = name or guess_task(source.table, known)[0]
    named = [str(known[role]) for role in TEXT_ROLES if role in known]
    if not (texts or named):
        stats = columns_of(source.table)
        named = [column for column, stat in stats.items() if stat.is_text]
        if not named and len(source.columns) == 1:
            named = list(source.columns)
    if not (texts or named):
        message = _(
            "{file}: no column looks like a text; name one: --text COLUMN. There are {names}.",
            file=source.name,
            names=name_list(source.columns),
        )
        raise DataError(message)
    return Layout(texts or named, known, name, _places_in(known, name))


def _places_in(roles: Mapping[str, Any], task: str) -> str:
    """The column of the text whose places the target names; empty where it names none."""
    if not task or not isinstance(roles.get("target"), str):
        return ""
    answers = parts.find("tasks", task).answers
    role = "text" if issubclass(answers, Spans) else "context"
    moves = issubclass(answers, Spans | Passages) and role in roles
    return str(roles[role]) if moves else ""


def nested_columns(source: Source) -> set[str]:
    """The columns of texts all of whose cells are JSON lists or objects: in JSON files they are
    written as such."""
    columns = (c for c in source.columns if source.table.schema.field(c).type == TEXT)
    return {column for column in columns if _is_nested(source.table.column(column))}


def _is_nested(column: Any) -> bool:
    seen = False
    for chunk in column.chunks:
        for cell in chunk:
            text = cell.as_py()
            if text is None:
                continue
            if text[:1] not in ("[", "{"):
                return False
            try:
                json.loads(text)
            except ValueError:
                return False
            seen = True
    return seen
