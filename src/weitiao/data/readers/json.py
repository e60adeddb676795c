"""Json files: a list of objects, columns of values, or what pandas writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.data.files import encoding, header
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.label_studio import plain_rows
from weitiao.data.files.values import kinds_of, natural
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.data.readers.jsonl import Jsonl
from weitiao.data.readers.squad import is_squad, reading
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

LARGEST = 1 << 29  # bytes; the whole file has to be in memory
_KEYS = ("data", "rows", "records", "items", "examples", "instances", "results", "list", "result")


class Json(Reader):
    """A list of objects, also inside {"data": [...]}; columns of values; pandas' orients.

    The id of a row is its place in the list, from 1.
    """

    endings: ClassVar[tuple[str, ...]] = ("json",)
    version: ClassVar[int] = 3

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    rows: str | None = Field(None, description="key of the object that holds the rows")

    def read(self, path: Path) -> Reading:
        if path.stat().st_size > LARGEST:
            raise DataError(
                _("{file}: too large to be read as one JSON value: write one object a line "
                     "(.jsonl).", file=path.name)
            )  # fmt: skip
        found = encoding.detect(path, self.encoding, "json")
        try:
            value = value_of(path, found)
        except _Lines:  # one object a line, which the ending did not say
            return Jsonl(encoding=self.encoding).read(path)
        if self.rows is None and is_squad(value):
            return reading(value, tuple(found.notes))
        rows = plain_rows(_rows(value, path.name, self.rows))
        good = (row for row in rows if isinstance(row, dict))
        columns = kinds_of(good)
        if not columns:
            raise DataError(_("{file}: holds no row with a value.", file=path.name))
        return Reading(columns, batched(_numbered(rows)), tuple(found.notes))


class _Lines(Exception):
    """The file holds one object a line."""


def value_of(path: Path, found: encoding.Encoding) -> Any:
    """The JSON value in a file. Raises DataError when it is none, naming the line."""
    with found.open(path) as file:
        text = file.read()
    reason = "" if found.clean else encoding.wrong_byte(text)
    if reason:
        place = next(i for i, c in enumerate(text) if c == "\0" or "\udc00" <= c <= "\udcff")
        line = text.count("\n", 0, place) + 1
        raise DataError(placed(f"{path.name}:{line}", reason))
    try:
        return json.loads(text.lstrip("\ufeff"), parse_constant=lambda name: None)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" in text[: error.pos] and text[0] == "{":
            raise _Lines from None
        raise DataError(
            _("{file}:{line}: not JSON at column {column} ({reason}).", file=path.name,
                 line=error.lineno, column=error.colno, reason=said(error.msg))
        ) from None  # fmt: skip
    except (ValueError, RecursionError):
        raise DataError(
            _("{file}: a number too long or nesting too deep for rows.", file=path.name)
        ) from None


def _numbered(rows: Sequence[Any]) -> Iterator[Numbered | Bad]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield number, row
        else:
            reason = _("not an object like the others.")
            yield Bad(number, reason, json.dumps(row, ensure_ascii=False)[:1000])


def _rows(value: Any, file: str, key: str | None) -> Sequence[Any]:
    """The rows in a JSON value, as a list of objects. Raises DataError."""
    if key is not None:
        if not isinstance(value, dict) or not isinstance(value.get(key), (list, dict)):
            raise DataError(_("{file}: holds no rows under {key!r}.", file=file, key=key))
        value = value[key]
    if isinstance(value, list):
        return _of_list(value, file)
    if isinstance(value, dict) and value:
        return _of_object(value, file)
    raise DataError(_unclear(file))


def _of_list(values: list[Any], file: str) -> Sequence[Any]:
    if values and all(isinstance(v, list) for v in values):
        sample = [[natural(cell) for cell in row] for row in values[:400]]
        names = header.look(sample, 1, file, None)
        return _of_table(names.columns, values[names.in_file :])
    if values and all(isinstance(v, str) for v in values):
        return [{"text": v} for v in values]
    if any(isinstance(v, dict) for v in values):
        return values
    raise DataError(_unclear(file))


def _of_table(names: Sequence[str], rows: Sequence[Any]) -> Sequence[Any]:
    return [
        dict(zip(names, row, strict=True))
        if isinstance(row, list) and len(row) == len(names)
        else row
        for row in rows
    ]


def _of_object(value: dict[str, Any], file: str) -> Sequence[Any]:
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list):  # pandas: split
        return _of_table([str(name) for name in columns], data)
    held = [k for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], dict)]
    chosen = [k for k in held if k.lower() in _KEYS] or held
    if len(chosen) == 1:  # {"data": [...]}, pandas: table
        return list(value[chosen[0]])
    if len(chosen) > 1:
        raise DataError(
            _("{file}: holds several lists of rows ({keys}): name one with "
                 "data.reader.json.rows=...", file=file, keys=", ".join(chosen[:10]))
        )  # fmt: skip
    if all(isinstance(v, list) for v in value.values()):
        return _of_columns(value, file)
    if all(isinstance(v, dict) for v in value.values()):
        return _of_objects(value)
    inner = [k for k in _KEYS if isinstance(value.get(k), dict)]
    if len(inner) == 1:  # {"data": {"rows": [...]}}, as services answer
        return _rows(value[inner[0]], file, None)
    if all(not isinstance(v, (list, dict)) for v in value.values()):
        return [value]
    raise DataError(_unclear(file))


def _of_columns(value: Mapping[str, list[Any]], file: str) -> Sequence[Any]:
    lengths = {name: len(values) for name, values in value.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            _("{name}: the columns are not equally long: {lengths}.", name=file,
                 lengths=str(lengths)[:200])
        )  # fmt: skip
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _of_objects(value: Mapping[str, Mapping[str, Any]]) -> Sequence[Any]:
    """pandas' columns {column: {index: cell}}, or index {index: {column: cell}}."""
    inner: dict[str, None] = {}
    for held in value.values():
        inner |= dict.fromkeys(held)
    rows_inside = all(key.isdigit() for key in inner) and not all(key.isdigit() for key in value)
    rows_outside = all(key.isdigit() for key in value)
    if rows_inside or (not rows_outside and len(inner) > len(value)):
        return [{name: held.get(index) for name, held in value.items()} for index in inner]
    return list(value.values())


def _unclear(file: str) -> str:
    return _(
        '{file}: no rows are found in this JSON. It should be a list of objects, [{{"text": ...}}, '
        '...], or hold one, e.g. {{"data": [...]}}.',
        file=file,
    )
