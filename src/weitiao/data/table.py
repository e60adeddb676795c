"""Files become memory-mapped Arrow tables, converted once and kept in the cache by content."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from weitiao import parts
from weitiao.data import cache
from weitiao.data.read.base import BATCH_ROWS, Numbered, Reader
from weitiao.data.values import INTEGER, TEXT, cells, counted, kinds_of
from weitiao.errors import DataError

if TYPE_CHECKING:
    import pandas

LINE = "__line"  # the line of the file at which the row starts
ID = "__id"  # where the row is from, when file name and line do not say it
MADE_BY = "__made_by"  # the step that made the row; empty for rows of the file
OURS = (LINE, ID, MADE_BY)
VERSION = 1
SETTLED = 1_000_000_000  # nanoseconds: a file younger than this may still change unseen


@dataclass(frozen=True)
class Source:
    """Rows as they came: a memory-mapped table, and what to tell about how it was read."""

    table: Any
    name: str
    fingerprint: str
    history: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The user's columns, without those that trace the rows."""
        return [name for name in self.table.column_names if name not in OURS]


def open_source(path: str) -> Source:
    """The rows of a file (by its ending) or of `sample:NAME`. Raises DataError."""
    if path.startswith("sample:"):
        from weitiao.data.samples import open_sample

        return open_sample(path.removeprefix("sample:"))
    if path.startswith("memory:"):
        return _remembered(path.removeprefix("memory:"))
    file = Path(path)
    if file.is_dir():
        raise DataError(f"{path}: this is a folder; give one file with rows.")
    if not file.is_file():
        raise DataError(f"{path}: no such file.{_near_file(file)}")
    name, reader = _reader_of(file)
    content = content_of(file)
    kept = cache.folder("rows") / f"{content}-{name}{reader.version}-{VERSION}.arrow"
    if not _readable(kept):
        reading = reader.read(file)
        with cache.written(kept) as sibling:
            write_table(sibling, reading.columns, reading.batches, file.name, reading.notes)
    table = mapped(kept)
    notes = json.loads((table.schema.metadata or {}).get(b"notes", b"[]"))
    history = (
        f"{file.name}: {counted(table.num_rows, 'row')}",
        *(f"{file.name}: {n}" for n in notes),
    )
    return Source(table, file.name, content, history)


def from_rows(
    rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | pandas.DataFrame,
    name: str = "rows",
) -> Source:
    """Rows given in Python: a list of dicts, a dict of lists, or a pandas DataFrame.

    A row's id counts from 0, as Python does: "rows:0" is rows[0]. Raises DataError.
    """
    given: Any = rows
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        given = {str(column): given[column].tolist() for column in given.columns}
    if isinstance(given, Mapping):
        lengths = {column: len(values) for column, values in given.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"{name}: the columns are not equally long: {lengths}.")
        columns = list(given)
        given = [dict(zip(columns, v, strict=True)) for v in zip(*given.values(), strict=True)]
    if not given or not all(isinstance(row, Mapping) for row in given):
        raise DataError(f"{name}: rows must be a list of dicts, at least one.")
    return stored(kinds_of(given), _numbered(given), name)


def stored(columns: Mapping[str, Any], batches: Iterator[list[Numbered]], name: str) -> Source:
    """Rows that are no file's, kept in the cache under the hash of what was written."""
    folder = cache.folder("rows")
    with cache.draft(folder / "rows") as sibling:
        write_table(sibling, columns, batches, name, ())
        content = _hash_of(sibling)
        kept = folder / f"{content}-rows-{VERSION}.arrow"
        os.replace(sibling, kept)
    table = mapped(kept)
    return Source(table, name, content, (f"{name}: {counted(table.num_rows, 'row')}",))


def _remembered(content: str) -> Source:
    """Rows once given in Python, from the cache."""
    kept = cache.folder("rows") / f"{content}-rows-{VERSION}.arrow"
    if not kept.is_file():
        raise DataError("the rows of this plan were given in Python and are gone from the cache.")
    table = mapped(kept)
    return Source(table, "rows", content, (f"rows: {counted(table.num_rows, 'row')}",))


def mapped(path: Path) -> Any:
    """The table in an Arrow file, its pages read when they are looked at."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def write_table(
    path: Path,
    columns: Mapping[str, Any],
    batches: Iterable[list[Numbered]],
    name: str,
    notes: Sequence[str],
) -> None:
    """Write numbered rows as an Arrow file, one record batch at a time."""
    if LINE in columns:
        raise DataError(f"{name}: rename the column {LINE!r}: the name is taken.")
    fields = [*((column, kind) for column, kind in columns.items()), (LINE, INTEGER)]
    schema = pa.schema(fields, metadata={"notes": json.dumps(list(notes))})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            arrays = [_column(batch, column, kind, name) for column, kind in columns.items()]
            lines = pa.array([line for line, _ in batch], INTEGER)
            writer.write_batch(pa.record_batch([*arrays, lines], schema=schema))


def content_of(path: Path) -> str:
    """The hash of a file's bytes, remembered until its size or times change."""
    stat = path.stat()
    known = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    memo = cache.folder("hashes") / f"{cache.fingerprint_of(str(path.resolve()))}.json"
    try:
        remembered = json.loads(memo.read_text(encoding="utf-8"))
        if remembered["file"] == known:
            return str(remembered["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing remembered, or not by us: hash it
    content = _hash_of(path)
    if time.time_ns() - stat.st_mtime_ns > SETTLED:
        with cache.written(memo) as sibling:
            sibling.write_text(json.dumps({"file": known, "hash": content}), encoding="utf-8")
    return content


def _hash_of(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _column(batch: list[Numbered], column: str, kind: Any, name: str) -> Any:
    try:
        return cells([row.get(column) for _, row in batch], kind)
    except UnicodeEncodeError:
        line = next(line for line, row in batch if _broken(row.get(column)))
        raise DataError(
            f"{name}:{line}: {column} holds half a character (a lone surrogate): "
            "write the file anew as UTF-8."
        ) from None


def _broken(value: Any) -> bool:
    try:
        cells([value], TEXT)
    except UnicodeEncodeError:
        return True
    return False


def _numbered(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Numbered]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield [(start + i, row) for i, row in enumerate(rows[start : start + BATCH_ROWS])]


def _readable(path: Path) -> bool:
    """Whether a kept table is there and whole; a broken one is made again."""
    try:
        mapped(path)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


def _reader_of(path: Path) -> tuple[str, Reader]:
    ending = path.suffix.lower().removeprefix(".")
    known: dict[str, str] = {}
    for name in parts.names("readers"):
        known |= dict.fromkeys((name, *parts.find("readers", name).endings), name)
    if not ending:
        raise DataError(f"{path.name}: the name must end in one of .{', .'.join(known)}.")
    if ending not in known:
        hint = parts.near(ending, list(known))
        raise DataError(f"{path.name}: no reader for files ending in .{ending}.{hint}")
    return known[ending], parts.build("readers", known[ending])


def _near_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist."
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()][:1000]
    hint = parts.near(path.name, names)
    return hint if "Did you mean" in hint else ""
