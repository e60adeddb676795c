"""What is said where no column can be told to be the text or the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weitiao.data.infer.cells import is_object
from weitiao.data.infer.column_stats import Column
from weitiao.i18n.messages import _, joined


def unclear(columns: Mapping[str, Column], *, text: bool) -> str:
    """Why the text, or else the target, cannot be told: the columns, and how to say it."""
    empty = _("(empty)")
    lines = "\n".join(
        _("  {name}: {example}", name=name, example=column.example or empty)
        for name, column in columns.items()
    )
    if len(columns) == 1:
        return _(
            "there is only one column: {column}. Besides the text a column with labels or numbers "
            "is needed. If each line holds both, name what stands between them: "
            "data.reader.csv.delimiter=...",
            column=lines.strip(),
        )
    if text:
        return _(
            "cannot tell which column is the text. Say it with --text COLUMN (or --roles "
            "text=COLUMN,target=COLUMN). The columns, each with a value:\n{columns}",
            columns=lines,
        )
    message = _(
        "cannot tell which column is the target. Say it with --target COLUMN (or --roles "
        "text=COLUMN,target=COLUMN). The columns, each with a value:\n{columns}",
        columns=lines,
    )
    if hint := _of_objects(columns.values()):
        return _("{message}\n{hint}", message=message, hint=hint)
    if sum(column.is_text for column in columns.values()) < 2:
        return message
    return _(
        "{message}\nTwo texts and no label? --task translation: in two languages; --task "
        "retrieval: questions with their passages; --task generation: prompts with replies.",
        message=message,
    )


def no_labels(column: Column) -> str:
    """Why a column that the user named, or that is named so, is no target of any task."""
    message = _(
        "the target column {name!r} has {distinct:,} different values in {rows:,} rows "
        "(e.g. {example!r}): these are no labels. Say which column is the target: "
        "--target COLUMN.",
        name=column.name,
        distinct=column.distinct,
        rows=len(column.values),
        example=column.example,
    )
    return joined([message, _of_objects([column])])


def _of_objects(columns: Iterable[Column]) -> str:
    """How spans are written, where a column holds lists of objects that are none; empty else."""
    for column in columns:
        cells = column.values[:50]
        lists = sum(cell[:1] == "[" and is_object(cell) for cell in cells)
        if lists and lists + sum(cell == "[]" for cell in cells) == len(cells):
            return _(
                'Are these spans in {name!r}? Write each as [0, 3, "person"] or with the keys '
                "start, end and label.",
                name=column.name,
            )
    return ""
