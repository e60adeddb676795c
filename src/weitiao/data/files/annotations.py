"""Rows of annotation tools: Label Studio's tasks with one annotator or several, spaCy's pairs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.data.files.annotation_targets import from_utf16
from weitiao.data.files.label_studio import OURS
from weitiao.i18n.messages import _, plural
from weitiao.labels.tags.labelled import holds

LABEL = "label"
_FOREIGN = {
    "rectanglelabels", "rectangle", "polygonlabels", "polygon", "brushlabels", "brush",
    "keypointlabels", "keypoint", "ellipselabels", "ellipse", "timeserieslabels", "videorectangle",
    "vectorlabels", "bitmasklabels",
}  # fmt: skip
_REGIONS = ("hypertextlabels", "paragraphlabels")  # of texts, with places of their own
_PAIR = 2  # spaCy: [text, {"entities": [...]}]


class Agreement:
    """Counts of tasks with several annotators, for a line of the history."""

    def __init__(self) -> None:
        self.several = self.agreed = self.majority = self.open = self.truth = 0
        self.suggested = 0  # tasks with predictions of a model
        self.regions: Counter[str] = Counter()  # of images and sounds, by their kind

    def count(self, answers: Sequence[Any], *, truth: bool, decided: bool) -> None:
        """Count a task by how its annotators agree. truth: one is marked as ground truth."""
        if len(answers) < 2:
            return
        self.several += 1
        same = all(answer == answers[0] for answer in answers)
        kind = "agreed" if same else "truth" if truth else "majority" if decided else "open"
        setattr(self, kind, getattr(self, kind) + 1)

    def notes(self) -> list[str]:
        notes = []
        if self.regions:
            notes.append(
                _(
                    "regions of images, sounds or videos are no targets here, and left out: "
                    "{kinds}",
                    kinds=", ".join(f"{kind} ({n:,})" for kind, n in self.regions.most_common()),
                )
            )
        if self.suggested:
            notes.append(
                _(
                    "predictions of a model are no labels, and left out: {rows}",
                    rows=plural(self.suggested, "row"),
                )
            )
        if not self.several and not self.truth:
            return notes
        return [
            *notes,
            _(
                "{rows} with several annotators: {agreed:,} agree, {majority:,} by majority, "
                "{truth:,} by ground_truth; {open:,} without a majority have no label",
                rows=plural(self.several, "row"),
                agreed=self.agreed,
                majority=self.majority,
                truth=self.truth,
                open=self.open,
            ),
        ]

    def see(self, row: Mapping[str, Any]) -> None:
        """Count what a task has besides answers about its text."""
        self.suggested += bool(_list(row, "predictions"))
        self.regions.update(
            kind
            for one in _valid(row)
            for item in _list(one, "result")
            if isinstance(item, Mapping) and (kind := str(item.get("type"))) in _FOREIGN
        )


def is_task(row: Any) -> bool:
    """Whether a row is a task of Label Studio with its annotations."""
    return (
        isinstance(row, dict)
        and isinstance(row.get("data"), dict)
        and isinstance(row.get("annotations", row.get("completions")), list)
    )


def is_pair(row: Any) -> bool:
    """Whether a row is spaCy's: a text and an object about it."""
    return (
        isinstance(row, list)
        and len(row) == _PAIR
        and isinstance(row[0], str)
        and isinstance(row[1], dict)
        and bool(row[1].keys() & {"entities", "cats", "spans", "label", "labels"})
    )


def of_pair(row: Sequence[Any]) -> dict[str, Any]:
    """
    >>> of_pair(["ab", {"entities": [[0, 1, "x"]]}])
    {'text': 'ab', 'entities': [[0, 1, 'x']]}
    """
    return {"text": row[0], **row[1]}


def plain_rows(rows: Sequence[Any], agreement: Agreement | None = None) -> list[Any]:
    """Convert the Label Studio tasks among the rows to plain rows, see `plain`.

    Where rows are classified by choices, a row without one has no label yet, and labels are lists
    in all rows once one has more than one. Where there are several controls (from_name), each
    becomes a column under its name.

    >>> tasks = [{"data": {}, "annotations": [{"result": [{"value": {"choices": chosen}}]}]}
    ...          for chosen in (["x"], ["x", "y"], [])]
    >>> plain_rows(tasks)
    [{'label': ['x']}, {'label': ['x', 'y']}, {}]
    """
    rows = _with_open_tasks(rows)
    controls = sorted({name for row in rows if is_task(row) for name in _controls(row)})
    columns = {name: name for name in controls} if len(controls) > 1 else {}
    result = [_plain(row, columns, agreement) for row in rows]
    pairs = [pair for pair in zip(rows, result, strict=True) if pair[0] is not pair[1]]
    if not columns:
        for row, new in pairs:
            _restore(row, new)
    theirs = [new for row, new in pairs if columns or not _hint(row)]
    for column in columns.values() or [LABEL]:
        _alike(theirs, column)
    return result


def _with_open_tasks(rows: Sequence[Any]) -> Sequence[Any]:
    """Rows in which tasks that nobody has annotated (no list, or null) are tasks like the others;
    their text would stand in a column of its own."""
    if not any(is_task(row) for row in rows):
        return rows
    return [
        {**row, "annotations": []}
        if isinstance(row, dict) and isinstance(row.get("data"), dict) and not is_task(row)
        else row
        for row in rows
    ]


def _hint(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What our own export says of the target: {"column", "kind", "names"}; empty for others."""
    meta = row.get("meta")
    hint = meta.get(OURS) if isinstance(meta, Mapping) else None
    whole = isinstance(hint, Mapping) and isinstance(hint.get("column"), str)
    return hint if whole and isinstance(hint, Mapping) else {}


def _restore(row: Mapping[str, Any], new: dict[str, Any]) -> None:
    """Give columns and target of our own export their names and kind back."""
    hint = _hint(row)
    if not hint:
        return
    names, kind = hint.get("names"), hint.get("kind")
    if isinstance(names, Mapping):
        for short, name in names.items():
            if short in new and isinstance(name, str) and name not in new:
                new[name] = new.pop(short)
    if LABEL not in new or LABEL in row["data"]:
        return
    label = new.pop(LABEL)
    if kind == "label_sets" and isinstance(label, str):
        label = [label]
    if label != [] or kind in ("label_sets", "spans"):
        new[hint["column"] if hint["column"] not in new else LABEL] = label


def _alike(rows: Sequence[dict[str, Any]], column: str) -> None:
    """Make the labels of a column alike: lists or not; a row of none among choices has none."""
    labels = [row[column] for row in rows if row.get(column)]
    if not labels or any(
        isinstance(label, list) and isinstance(label[0], dict) for label in labels
    ):
        return
    multilabel = any(isinstance(label, list) for label in labels)
    for row in rows:
        if row.get(column) == []:
            del row[column]
        elif multilabel and isinstance(row.get(column), str):
            row[column] = [row[column]]


def plain(row: Any) -> Any:
    """Convert a Label Studio task to its data with a label; other rows stay as they are.

    The label is that of the annotation marked as ground truth, else what most annotators say;
    where no answer has more of them than another, there is none.

    >>> spans = [{"type": "labels", "value": {"start": 0, "end": 2, "labels": ["x"]}}]
    >>> plain({"id": 1, "data": {"text": "ab"}, "annotations": [{"result": spans}]})
    {'text': 'ab', 'label': [{'start': 0, 'end': 2, 'label': 'x'}]}
    """
    return _plain(row, {}, None)


def _plain(row: Any, columns: Mapping[str, str], agreement: Agreement | None) -> Any:
    if not is_task(row):
        return row
    if agreement is not None:
        agreement.see(row)
    valid = _valid(row)
    if not valid or all(_is_foreign(one) for one in valid):
        return dict(row["data"])
    labels: dict[str, Any] = {}
    for name in columns or [""]:
        answers = [_answer(_values(one, name)) for one in valid]
        truths = [
            answer
            for one, answer in zip(valid, answers, strict=True)
            if one.get("ground_truth") is True
        ]
        clear, answer = decided(truths or answers)
        if agreement is not None:
            agreement.count(answers, truth=bool(truths), decided=clear)
        if clear:
            labels[columns.get(name, LABEL)] = _in_code_points(answer, row["data"])
    return {**row["data"], **labels}


def _is_foreign(annotation: Mapping[str, Any]) -> bool:
    """Whether an annotation has regions of images or sounds, and nothing else."""
    items = [one for one in _list(annotation, "result") if isinstance(one, Mapping)]
    return bool(items) and all(str(one.get("type")) in _FOREIGN for one in items)


def _in_code_points(answer: Any, data: Mapping[str, Any]) -> Any:
    """Spans of versions that counted UTF-16 units: where their own texts fit so, and only so."""
    spans = answer if isinstance(answer, list) else []
    if not spans or not all(isinstance(one, dict) and one.get("text") for one in spans):
        return answer
    texts = [one for one in data.values() if isinstance(one, str)]
    if any(all(_held(text, one) for one in spans) for text in texts):
        return answer
    for text in texts:
        moved = [
            {**one, "start": from_utf16(text, one["start"]), "end": from_utf16(text, one["end"])}
            for one in spans
            if isinstance(one["start"], int) and isinstance(one["end"], int)
        ]
        if len(moved) == len(spans) and all(_held(text, one) for one in moved):
            return moved
    return answer


def _held(text: str, span: Mapping[str, Any]) -> bool:
    start, end, own = span["start"], span["end"], span["text"]
    whole = isinstance(start, int) and isinstance(end, int) and isinstance(own, str)
    return whole and 0 <= start < end and holds(text[start:end], own)


def decided(answers: Sequence[Any]) -> tuple[bool, Any]:
    """The answer that most annotators give; (False, None) where two stand equal."""
    keys = [json.dumps(answer, sort_keys=True, default=str) for answer in answers]
    first, *others = Counter(keys).most_common(2)
    if others and others[0][1] == first[1]:
        return False, None
    return True, answers[keys.index(first[0])]


def _valid(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    annotations = row.get("annotations", row.get("completions"))  # the latter before version 1.0
    return [
        one for one in annotations or () if isinstance(one, dict) and not one.get("was_cancelled")
    ]


def _controls(row: Mapping[str, Any]) -> set[str]:
    """Names of the controls by which a task was annotated."""
    return {
        name
        for one in _valid(row)
        for item in _list(one, "result")
        if isinstance(item, Mapping) and isinstance(item.get("value"), Mapping)
        if isinstance(name := item.get("from_name"), str)
        and item["value"].keys()
        & {"choices", "labels", "rating", "number", "taxonomy", "text", *_REGIONS}
    }


def _values(annotation: Mapping[str, Any], control: str) -> list[Mapping[str, Any]]:
    """The values in an annotation, of one control or of all ("")."""
    items = [one for one in _list(annotation, "result") if isinstance(one, Mapping)]
    values = [one.get("value") for one in items if control in ("", one.get("from_name"))]
    return [_as_labels(value) for value in values if isinstance(value, Mapping)]


def _as_labels(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A region of hypertext or paragraphs like one of a text: under `labels`, and with the places
    in the whole text where Label Studio tells them. Other places are refused as no span."""
    kind = next((kind for kind in _REGIONS if kind in value), "")
    if not kind:
        return value
    whole = value.get("globalOffsets")
    places = whole if isinstance(whole, Mapping) else {}
    return {**value, **{key: places[key] for key in ("start", "end") if key in places},
            "labels": value[kind]}  # fmt: skip


def _answer(values: Sequence[Mapping[str, Any]]) -> Any:
    spans = [
        {**{key: one[key] for key in ("start", "end", "text") if key in one}, "label": label}
        for one in values
        if "start" in one and "end" in one
        for label in _list(one, "labels")
    ]
    choices = [choice for one in values for choice in _choices(one)]
    if choices and not spans:
        return choices[0] if len(choices) == 1 else choices
    numbers = [one[key] for one in values for key in ("rating", "number") if key in one]
    if numbers and not spans and isinstance(numbers[0], int | float):
        return numbers[0]
    return spans


def _choices(value: Mapping[str, Any]) -> list[Any]:
    """What a value without a place says of the whole task: choices, labels, paths, a text."""
    if "start" in value:
        return []
    paths = ["/".join(map(str, path)) for path in _list(value, "taxonomy") if path]
    return [*_list(value, "choices"), *_list(value, "labels"), *paths, *_list(value, "text")]


def _list(parent: Any, key: str) -> list[Any]:
    value = parent.get(key) if isinstance(parent, Mapping) else None
    return value if isinstance(value, list) else []
