"""Label Studio's JSON tasks with annotations or predictions, and the labelling config in XML.

Label Studio counts offsets in code points (older versions in UTF-16 units); the text of a span
stands beside its offsets, so that readers need not guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from weitiao.data.files.annotation_targets import Question, shown_data
from weitiao.errors import DataError
from weitiao.i18n.messages import _

OURS = "weitiao"  # key of a task's meta: what the export does not say by itself
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_TAGS = {
    "labels": ("Choices", "Choice", ' choice="single" showInLine="true"'),
    "label_sets": ("Choices", "Choice", ' choice="multiple" showInLine="true"'),
    "spans": ("Labels", "Label", ""),
}


def safe_names(columns: Sequence[str]) -> dict[str, str]:
    """Column -> its key in `data`: a config can name plain keys only (`$text`)."""
    names: dict[str, str] = {}
    for at, column in enumerate(columns, 1):
        name = column if _PLAIN_NAME.fullmatch(column) else f"column_{at}"
        while name in names.values() or (name != column and name in columns):
            name += "_"
        names[column] = name
    return names


def task(
    row: Mapping[str, Any],
    question: Question,
    target: Any,
    suggestion: tuple[Any, float | None] | None = None,
) -> dict[str, Any]:
    """A task: `data`, an annotation where there is a target, a prediction where there is one."""
    names = safe_names(list(row))
    data = shown_data(row, question, suggestion is not None)
    text = data[question.texts[0]]
    made: dict[str, Any] = {"data": {names[name]: cell for name, cell in data.items()}}
    made["annotations"] = (
        [] if target is None else [{"result": _result(question, names, text, target)}]
    )
    value, score = suggestion or (None, None)
    if value is not None:
        prediction: dict[str, Any] = {
            "model_version": OURS,
            "result": _result(question, names, text, value),
        }
        if score is not None:
            prediction["score"] = score
        made["predictions"] = [prediction]
    hint: dict[str, Any] = {"column": question.column, "kind": question.kind}
    if renamed := {new: old for old, new in names.items() if new != old}:
        hint["names"] = renamed
    made["meta"] = {OURS: hint}
    return made


def _result(
    question: Question, names: Mapping[str, str], text: str, target: Any
) -> list[dict[str, Any]]:
    common = {"from_name": "answer", "to_name": names[question.texts[0]]}
    if question.kind == "spans":
        return [
            {
                "id": f"span{at}",
                **common,
                "type": "labels",
                "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
            }
            for at, (start, end, label) in enumerate(target, 1)
        ]
    kind, value = {
        "labels": ("choices", [target]),
        "label_sets": ("choices", target),
        "number": ("number", target),
        "text": ("textarea", [target]),
    }[question.kind]
    key = "text" if kind == "textarea" else kind
    return [{"id": "answer1", **common, "type": kind, "value": {key: value}}] if value != [] else []


def config(question: Question, columns: Sequence[str]) -> str:
    """The labelling config. Raises DataError for a label that XML cannot hold."""
    names = safe_names(columns)
    lines = ["<View>", "  <Style>.htx-text{ white-space: pre-wrap; }</Style>"]
    for column in question.texts:
        if len(question.texts) > 1:
            lines.append(f"  <Header value={_quoted(column)}/>")
        name = quoteattr(names[column])
        lines.append(f'  <Text name={name} value="${names[column]}" valueType="text"/>')
    to_name = f'name="answer" toName={quoteattr(names[question.texts[0]])}'
    if question.kind in _TAGS:
        outer, inner, more = _TAGS[question.kind]
        lines.append(f"  <{outer} {to_name}{more}>")
        lines += [f"    <{inner} value={_quoted(label)}/>" for label in question.labels]
        lines.append(f"  </{outer}>")
    elif question.kind == "number":
        lines.append(f'  <Number {to_name} step="any"/>')
    else:
        lines.append(f'  <TextArea {to_name} rows="4" maxSubmissions="1" editable="true"/>')
    return "\n".join([*lines, "</View>", ""])


def _quoted(value: str) -> str:
    if _NO_XML.search(value):
        raise DataError(
            _("{value!r} holds a character that XML cannot hold: rename it.", value=value[:60])
        )
    return quoteattr(value)
