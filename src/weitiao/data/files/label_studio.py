"""Rows of annotation tools as plain rows: Label Studio's tasks with their annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def plain_rows(rows: Sequence[Any]) -> list[Any]:
    """The rows of a file, see `plain`. Where rows are sorted by choices, a row without one has no
    label yet, and labels are lists in all rows once one has several.

    >>> tasks = [{"data": {}, "annotations": [{"result": [{"value": {"choices": chosen}}]}]}
    ...          for chosen in (["x"], ["x", "y"], [])]
    >>> plain_rows(tasks)
    [{'label': ['x']}, {'label': ['x', 'y']}, {}]
    """
    found = [plain(row) for row in rows]
    theirs = [new for row, new in zip(rows, found, strict=True) if new is not row]
    labels = [new["label"] for new in theirs if new.get("label")]
    if not labels or any(
        isinstance(label, list) and isinstance(label[0], dict) for label in labels
    ):
        return found
    several = any(isinstance(label, list) for label in labels)
    for new in theirs:
        if new.get("label") == []:
            del new["label"]
        elif several and isinstance(new.get("label"), str):
            new["label"] = [new["label"]]
    return found


def plain(row: Any) -> Any:
    """A row of Label Studio's JSON as its data and what the first annotation says; others as they
    are.

    >>> spans = [{"type": "labels", "value": {"start": 0, "end": 2, "labels": ["x"]}}]
    >>> plain({"id": 1, "data": {"text": "ab"}, "annotations": [{"result": spans}]})
    {'text': 'ab', 'label': [{'start': 0, 'end': 2, 'label': 'x'}]}
    """
    if not isinstance(row, dict) or not isinstance(row.get("data"), dict):
        return row
    done = row.get("annotations", row.get("completions"))
    if not isinstance(done, list):
        return row
    kept = [one for one in done if isinstance(one, dict) and not one.get("was_cancelled")]
    if not kept:
        return dict(row["data"])
    values = [one.get("value") for one in _list(kept[0], "result") if isinstance(one, Mapping)]
    return {**row["data"], "label": _answer([v for v in values if isinstance(v, Mapping)])}


def _answer(values: list[Mapping[str, Any]]) -> Any:
    spans = [
        {**{key: one[key] for key in ("start", "end", "text") if key in one}, "label": label}
        for one in values
        if "start" in one and "end" in one
        for label in _list(one, "labels")
    ]
    choices = [choice for one in values for choice in _list(one, "choices")]
    if choices and not spans:
        return choices[0] if len(choices) == 1 else choices
    return spans


def _list(held: Mapping[str, Any], key: str) -> list[Any]:
    value = held.get(key)
    return value if isinstance(value, list) else []
