"""Rows as a caller of `fit` hands them over: a file, files, a table in memory, texts and labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weitiao.data.files.table import Source, from_rows
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural


def source_of(rows: Any, targets: Any = None) -> tuple[str | list[str], Source | None]:
    """A path and, for rows that are no file, the rows as a source."""
    if isinstance(rows, (str, Path)) and targets is None:
        return str(rows), None
    if isinstance(rows, (list, tuple)) and rows and targets is None and _are_files(rows):
        return [str(path) for path in rows], None
    if targets is not None:
        if len(rows) != len(targets):
            told = _(
                "{texts} but {targets}: they must pair up.",
                texts=plural(len(rows), "text"),
                targets=plural(len(targets), "target"),
            )
            raise DataError(told)
        if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # a DataFrame without targets
            rows = rows.to_dict("records")
        rows = [{**_row(row), "label": target} for row, target in zip(rows, targets, strict=True)]
    source = from_rows(rows)
    return f"memory:{source.fingerprint}", source


def _are_files(rows: Any) -> bool:
    """Whether a list names files: texts without targets would be no rows to learn from."""
    return all(isinstance(one, (str, Path)) for one in rows)


def _row(row: Any) -> dict[str, Any]:
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, Mapping):
        return dict(row)
    first, second = row
    return {"text": first, "text_pair": second}
