"""Tables of Arrow's as readings: types narrowed to text and numbers, classes by their names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from weitiao.data.files.values import INTEGER, NUMBER, TEXT
from weitiao.data.readers.base import Numbered, Reading
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

BROKEN = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError)


def reading(schema: Any, batches: Iterator[Any], file: str, kind: str) -> Reading:
    """The columns of a schema and the rows of its batches. Raises DataError."""
    try:
        names = schema.names
    except UnicodeDecodeError as error:  # names are not checked before they are asked for
        raise broken(file, kind, error) from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            _("{file}: two columns are called {name!r}: rename one of them.", file=file,
                 name=twice[0])
        )  # fmt: skip
    classes = _classes(schema)
    columns = {f.name: TEXT if f.name in classes else _kind(f.type) for f in schema}
    notes = [
        _("the numbers of {column!r} are replaced by the names of their classes", column=name)
        for name in classes
    ]
    return Reading(columns, _rows(batches, classes, file, kind), tuple(notes))


def broken(file: str, kind: str, error: BaseException) -> DataError:
    return DataError(
        _("{file}: cannot be read as {kind}: {reason}", file=file, kind=kind,
             reason=said(" ".join(str(error).split()))[:200])
    )  # fmt: skip


def _rows(
    batches: Iterator[Any], classes: dict[str, Sequence[str]], file: str, kind: str
) -> Iterator[list[Numbered]]:
    line = 0
    try:
        for batch in batches:
            batch.validate(full=True)
            rows = batch.to_pylist()
            for row in rows:
                _named(row, classes)
            yield [(line + i, row) for i, row in enumerate(rows, 1)]
            line += len(rows)
    except BROKEN as error:
        if isinstance(error, UnicodeEncodeError):
            raise
        raise broken(file, kind, error) from None


def _named(row: dict[str, Any], classes: dict[str, Sequence[str]]) -> None:
    for name, value in row.items():
        if isinstance(value, bytes):
            row[name] = value.decode("utf-8", "replace")
    for name, labels in classes.items():
        value = row[name]
        if isinstance(value, list):
            row[name] = [_name(one, labels) for one in value]
        elif value == -1:
            row[name] = None  # what `datasets` writes for no label
        else:
            row[name] = _name(value, labels)


def _name(value: Any, labels: Sequence[str]) -> Any:
    known = isinstance(value, int) and 0 <= value < len(labels)
    return labels[value] if known else value


def _classes(schema: Any) -> dict[str, Sequence[str]]:
    """Column -> names of its classes, as `datasets` notes them in the file."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        classes = {name: _class(feature) for name, feature in noted.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
    return {name: [str(label) for label in feature["names"]]
            for name, feature in classes.items()
            if isinstance(feature.get("names"), list) and name in schema.names}  # fmt: skip


def _class(feature: Any) -> dict[str, Any]:
    """What is noted of a class, or of the classes in a list; empty for what is neither."""
    if isinstance(feature, list) and len(feature) == 1:  # as it was noted before there was Sequence
        return _class(feature[0])
    if not isinstance(feature, dict):
        return {}
    if feature.get("_type") in ("Sequence", "List", "LargeList"):
        return _class(feature.get("feature"))
    return feature if feature.get("_type") == "ClassLabel" else {}


def _kind(kind: Any) -> Any:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return INTEGER
    return NUMBER if pa.types.is_floating(kind) else TEXT
