"""Rows of doccano's JSON lines: `text` and `label`, other columns as metadata, those of the same
names with `_column` behind them.

doccano's browser counts offsets of spans in UTF-16 code units, unless a project counts grapheme
clusters; its export has no text of a span beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.data.files.annotation_targets import Question, from_utf16, shown_data, to_utf16
from weitiao.i18n.messages import _
from weitiao.labels.tags.cells import answer_of

TEXT_KEY, LABEL_KEY = "text", "label"
_LABEL_KEYS = ("label", "labels", "entities")
_LEFT_OUT = ("Comments", "comments")


def line(
    row: Mapping[str, Any], question: Question, target: Any, suggested: bool
) -> dict[str, Any]:
    """A line for doccano's import; a row without a target has no `label`."""
    data = shown_data(row, question, suggested)
    text = data.pop(question.texts[0])
    made: dict[str, Any] = {TEXT_KEY: text}
    if target is not None:
        made[LABEL_KEY] = _label(question, text, target)
    names = metadata_names(list(data))
    return {**made, **{names[name]: cell for name, cell in data.items()}}


def metadata_names(columns: Sequence[str]) -> dict[str, str]:
    """Columns beside text and target -> their names in a line, where doccano reads others as its
    text and labels.

    >>> metadata_names(["label", "stars"])
    {'label': 'label_column', 'stars': 'stars'}
    """
    names: dict[str, str] = {}
    for column in columns:
        name = column
        while name in (TEXT_KEY, *_LABEL_KEYS) or (name != column and name in columns):
            name += "_column"
        names[column] = name
    return names


def _label(question: Question, text: str, target: Any) -> list[Any]:
    if question.kind == "spans":
        return [[to_utf16(text, a), to_utf16(text, b), label] for a, b, label in target]
    if question.kind == "label_sets":
        return list(target)
    return [str(target)]


def plain(row: Mapping[str, Any], utf16: bool) -> dict[str, Any]:
    """A row with spans in code points, their text beside them. Raises ValueError."""
    row = _of_first_version(row)
    new = {name: cell for name, cell in row.items() if name not in _LEFT_OUT}
    key = next((name for name in _LABEL_KEYS if isinstance(row.get(name), list)), None)
    if key is None or not row[key] or all(isinstance(one, str) for one in row[key]):
        return new
    text = row.get(TEXT_KEY)
    if not isinstance(text, str):
        raise ValueError(_("no text under {key!r}.", key=TEXT_KEY))
    spans: list[Any] = answer_of(json.dumps(row[key]))
    new[key] = [_span(text, span, utf16) for span in spans]
    return new


def _of_first_version(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """doccano 0.x: `annotations` with the number of a label, and where a span begins and ends.

    >>> _of_first_version({"text": "a b", "annotations": [{"label": 3, "user": 1}]})
    {'text': 'a b', 'label': ['3']}
    """
    given = row.get("annotations", "")
    rest = {name: cell for name, cell in row.items() if name != "annotations"}
    if any(key in row for key in _LABEL_KEYS):
        return row
    if given is None:  # nobody has annotated it
        return rest
    if not isinstance(given, list):
        return row
    if not all(isinstance(one, dict) and "label" in one for one in given):
        return row
    labels: list[Any] = [
        [one["start_offset"], one["end_offset"], str(one["label"])]
        if one.keys() >= {"start_offset", "end_offset"}
        else str(one["label"])
        for one in given
    ]
    return {**rest, LABEL_KEY: labels}


def _span(text: str, span: Any, utf16: bool) -> dict[str, Any]:
    start, end, label = span[:3]
    if utf16:
        first, last = from_utf16(text, start), from_utf16(text, end)
    else:
        first, last = start, end
    if not 0 <= first < last <= len(text):
        raise ValueError(
            _(
                "the span {start} to {end} ({label!r}) does not lie in the text, which has "
                "{length} characters.",
                start=start,
                end=end,
                label=label,
                length=len(text),
            )
        )
    return {"start": first, "end": last, "label": label, "text": text[first:last]}
