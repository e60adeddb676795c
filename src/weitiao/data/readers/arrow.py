"""Arrow and Parquet readers: types narrowed to text and numbers, ClassLabel ids to names."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from weitiao.core import disk
from weitiao.data.files import limits
from weitiao.data.files.arrow_messages import FILE_MARK, unpacked_sizes
from weitiao.data.files.cells import INTEGER, NUMBER, TEXT
from weitiao.data.files.nested import Nesting, flat
from weitiao.data.readers.base import BATCH_ROWS, Numbered, Reader, Reading
from weitiao.data.readers.json import reading_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

# What pyarrow raises for files that are cut off or damaged.
BROKEN = (
    pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, IndexError,
    struct.error,
)  # fmt: skip


class Arrow(Reader):
    """Whole numbers and numbers keep their type, all else becomes text. Lines count rows from 1."""

    endings: ClassVar[tuple[str, ...]] = ("arrow", "feather", "ipc")
    version: ClassVar[int] = 3

    def read(self, path: Path) -> Reading:
        try:
            schema, batches = _opened(path)
        except BROKEN as error:
            raise _broken(path.name, "Arrow", error) from None
        return _reading(schema, batches, path, "Arrow")


def _opened(path: Path) -> tuple[Any, Iterator[Any]]:
    """Schema and record batches of a file; batches are read one at a time."""
    with path.open("rb") as file:
        mark = file.read(6)
    # Feather version 1 is a format of its own; version 2 is an Arrow IPC file. The IPC stream
    # format, which `datasets` writes, has no mark.
    if mark.startswith(b"FEA1"):
        import pyarrow.feather

        table = pyarrow.feather.read_table(disk.plain(path))
        return table.schema, iter(table.to_batches(max_chunksize=BATCH_ROWS))
    source = pa.memory_map(disk.plain(path))
    source.seek(FILE_MARK if mark == b"ARROW1" else 0)
    limits.check_unpacked(unpacked_sizes(source), path)
    source.seek(0)
    if mark == b"ARROW1":
        file = pa.ipc.open_file(source)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
    stream = pa.ipc.open_stream(source)
    return stream.schema, iter(stream)


class Parquet(Reader):
    """Whole numbers and numbers keep their type, all else becomes text. Lines count rows from 1."""

    endings: ClassVar[tuple[str, ...]] = ("parquet", "pq")
    version: ClassVar[int] = 4

    def read(self, path: Path) -> Reading:
        import pyarrow.parquet

        try:
            file = pyarrow.parquet.ParquetFile(disk.plain(path))
            schema, rows = file.schema_arrow, file.metadata.num_rows
            limits.check_columns(len(schema), path.name)
            limits.check_rows(rows, path)
            # A dictionary stays one: its texts are not copied for each row of a batch.
            texts = [f.name for f in schema if f.type in (pa.string(), pa.binary())]
            packed = pyarrow.parquet.ParquetFile(disk.plain(path), read_dictionary=texts)
        except BROKEN as error:
            raise _broken(path.name, "Parquet", error) from None
        if rows == 0:
            raise DataError(_("{file}: holds no row.", file=path.name))
        return _reading(schema, packed.iter_batches(batch_size=BATCH_ROWS), path, "Parquet")


def _reading(schema: Any, batches: Iterator[Any], path: Path, kind: str) -> Reading:
    """Convert an Arrow schema and record batches to columns and rows. Raises DataError."""
    file = path.name
    limits.check_columns(len(schema), file)
    try:
        names = schema.names
    except UnicodeDecodeError as error:  # pyarrow decodes names only here
        raise _broken(file, kind, error) from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            _(
                "{file}: two columns are called {name!r}: rename one of them.",
                file=file,
                name=twice[0],
            )
        )
    classes = _classes(schema)
    nesting = Nesting()
    nesting.see({field.name: _shape(field.type) for field in schema})
    records = nesting.records()
    kinds = {f.name: f.type for f in _flat_fields(schema, records)}
    columns = {name: TEXT if name in classes else _kind(kind) for name, kind in kinds.items()}
    notes = [
        _("the numbers of {column!r} are replaced by the names of their classes", column=name)
        for name in classes
    ]
    rows = _rows(batches, classes, records, path, kind)
    if answered(kinds):  # Argilla: its records are few, and what most say is known at the end
        return reading_of([one for batch in rows for one in batch], file, notes)
    return Reading(columns, rows, tuple(notes))


def answered(kinds: Mapping[str, Any]) -> bool:
    """Whether columns are Argilla's responses of several annotators."""
    flat = any(f"{name}.status" in kinds for name in kinds if name.endswith(".responses"))
    return flat or any(
        pa.types.is_list(kind)
        and pa.types.is_struct(kind.value_type)
        and "value" in (names := {field.name for field in kind.value_type})
        and names & {"user_id", "status"}
        for kind in kinds.values()
    )


def _shape(kind: Any) -> Any:
    """A value of an Arrow type as far as objects in objects go."""
    return {one.name: _shape(one.type) for one in kind} if pa.types.is_struct(kind) else ""


def _flat_fields(
    fields: Iterable[Any], records: frozenset[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[Any]:
    """Fields with those of structs in their place, called outer.inner."""
    for one in fields:
        place = (*path, one.name)
        if place in records:
            yield from _flat_fields(one.type, records, place)
        else:
            yield one.with_name(".".join(place))


def _broken(file: str, kind: str, error: BaseException) -> DataError:
    reason = said(" ".join(str(error).split()))[:200]
    return DataError(
        _("{file}: cannot be read as {kind}: {reason}", file=file, kind=kind, reason=reason)
    )


def _rows(
    batches: Iterator[Any],
    classes: dict[str, Sequence[str]],
    records: frozenset[tuple[str, ...]],
    path: Path,
    kind: str,
) -> Iterator[list[Numbered]]:
    line = 0
    try:
        for batch in limits.pieces(batches, path):
            rows = batch.to_pylist()
            for row in rows:
                _with_names(row, classes)
            yield [(line + i, flat(row, records)) for i, row in enumerate(rows, 1)]
            line += len(rows)
    except BROKEN as error:
        if isinstance(error, UnicodeEncodeError):
            raise
        raise _broken(path.name, kind, error) from None


def _with_names(row: dict[str, Any], classes: dict[str, Sequence[str]]) -> None:
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
    """ClassLabel names by column, from the schema metadata that Hugging Face `datasets` writes."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        classes = {name: _class(feature) for name, feature in features.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
    return {
        name: [str(label) for label in feature["names"]]
        for name, feature in classes.items()
        if isinstance(feature.get("names"), list) and name in schema.names
    }


def _class(feature: Any) -> dict[str, Any]:
    """The ClassLabel feature of a column, or of the lists in it; empty for other features."""
    if isinstance(feature, list) and len(feature) == 1:  # datasets before 1.0: no Sequence
        return _class(feature[0])
    if not isinstance(feature, dict):
        return {}
    if feature.get("_type") in ("Sequence", "List", "LargeList"):
        return _class(feature.get("feature"))
    return feature if feature.get("_type") == "ClassLabel" else {}


def _kind(kind: Any) -> Any:
    """Narrow an Arrow type. uint64 does not fit int64; dates, decimals, lists become text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return INTEGER
    return NUMBER if pa.types.is_floating(kind) else TEXT
