"""Memory-mapped Arrow tables: rows are converted once and cached by a content hash."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from weitiao.core import disk, fingerprint
from weitiao.data.cache import checked, store
from weitiao.data.files import find
from weitiao.data.files.bad_rows import MIN_BAD, Bad, refuse, set_aside
from weitiao.data.files.cells import INTEGER, TEXT, arrow_array, kinds_of
from weitiao.data.files.nested import Nesting, flat
from weitiao.data.python_rows import plain_cell, rows_in
from weitiao.data.readers.base import BATCH_ROWS, Batches, Numbered, Reading
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, localized, pack, plural, restore

# Columns of ours beside the user's.
LINE = "__line"  # the line of the file at which the row starts
ID = "__id"  # where the row is from, when file name and line do not say it
MADE_BY = "__made_by"  # the step that made the row; empty for rows of the file
OURS = (LINE, ID, MADE_BY)
VERSION = 3  # of the table format: raised when the same rows are stored otherwise


@dataclass(frozen=True)
class Source:
    """An opened data source: a memory-mapped Arrow table, and the history of how it was read."""

    table: Any
    name: str
    fingerprint: str
    history: tuple[str, ...] = ()
    bad: Sequence[Bad] = ()  # rows set aside

    @property
    def columns(self) -> list[str]:
        """The user's columns, without those that trace the rows."""
        return [name for name in self.table.column_names if name not in OURS]


def from_rows(rows: Any, name: str = "rows") -> Source:
    """Rows from Python objects: dicts in a list or a generator, a dict of lists, a DataFrame.

    Objects inside rows become columns, as in files. A row's id counts from 0, as Python does:
    "rows:0" is rows[0]. Raises DataError.
    """
    try:
        listed = list(rows_in(rows))
    except DataError as error:
        raise DataError(placed(name, str(error))) from None
    if not all(isinstance(row, Mapping) for row in listed):
        raise DataError(_("{name}: rows must be dicts, or texts with targets.", name=name))
    plain = [plain_cell(row) for row in listed]
    nesting = Nesting()
    for row in plain:
        nesting.see(row)
    records = nesting.records()
    data = [flat(row, records) for row in plain]
    return stored(kinds_of(data), _numbered(data), name, "given")


def stored(columns: Mapping[str, Any], batches: Batches, name: str, kind: str) -> Source:
    """Store rows that come from no file in the cache, under the hash of what was written.

    kind: "given" (from Python: they cannot be reproduced), "steps" (made of other rows), "rows".
    """
    folder = store.folder(kind)
    # The content hash is the file's name, and is known only once it is written: so a draft is
    # renamed here, instead of `store.written` with a name known before.
    with store.draft(folder / "rows") as sibling:
        write_table(sibling, Reading(columns, batches), name)
        content = find.hash_of(sibling)
        file = folder / f"{content}-rows-{VERSION}.arrow"
        store.hold(file)
        os.replace(sibling, file)
    return Source(mapped(file), name, content, (_row_count(mapped(file), name),))


def from_memory(content: str) -> Source:
    """Open rows that a Python program passed earlier (memory:HASH). Raises DataError."""
    file = store.folder("given") / f"{content}-rows-{VERSION}.arrow"
    store.hold(file)
    if not file.is_file():
        raise DataError(
            _("the rows of this plan were given in Python and are gone from the cache.")
        )
    if find.hash_of(file) != content:
        raise DataError(
            _(
                "{path}: the rows of this plan were given in Python and are damaged in the cache. "
                "Give them again.",
                path=str(file),
            )
        )
    return Source(mapped(file), "rows", content, (_row_count(mapped(file), "rows"),))


def _row_count(table: Any, name: str) -> str:
    return _("{name}: {rows}", name=name, rows=plural(table.num_rows, "row"))


@dataclass(frozen=True)
class Piece:
    """The Arrow table of one file, and its part of the history."""

    name: str
    table: Any
    content: str
    cache_file: str  # name in the cache folder "rows"
    reader_notes: tuple[str, ...] = ()  # how its reader was detected
    bad: Sequence[Bad] = ()

    @property
    def history(self) -> list[str]:
        metadata = self.table.schema.metadata or {}
        notes = [*self.reader_notes, *map(restore, json.loads(metadata.get(b"notes", b"[]")))]
        lines = [*map(localized, notes), *([set_aside(self.bad)] if self.bad else [])]
        return [
            _row_count(self.table, self.name),
            *(_("{name}: {note}", name=self.name, note=note) for note in lines),
        ]


def cached_piece(
    name: str,
    content: str,
    reader_key: str,
    read: Callable[[], Reading],
    skip_bad: bool,
    reader_notes: Sequence[str] = (),
) -> Piece:
    """Read a file through the cache: the table that `read` gives, converted once.

    content: the file's hash; reader_key: the reader, its version and settings.
    """
    digest = fingerprint.of_texts(reader_key, str(skip_bad), str(VERSION))
    file = store.folder("rows") / f"{content}-{digest}.arrow"
    try:
        return open_piece(name, content, file.name, reader_notes)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError):
        checked.made_again(file)
    # The inner context ends first: the list of bad rows has its name before the table has, so that
    # another process never sees a table without it.
    with store.written(file) as sibling, store.written(_bad_file(file)) as bad_sibling:
        rows, bad = write_table(sibling, read(), name, skip_bad)
        if not rows:
            empty = DataError(_("{name}: holds no row.", name=name))
            raise refuse(name, bad, iter(())) if bad else empty
        listed = [(row.line, pack(row.reason), row.raw, row.id) for row in bad]
        sums = {file.name: next(iter(checked.sums_of([sibling]).values()))}
        checked.put_json(bad_sibling, {"bad": listed, "files": sums})
    return open_piece(name, content, file.name, reader_notes)


def open_piece(name: str, content: str, cache_file: str, reader_notes: Sequence[str]) -> Piece:
    """Open a cached table. Raises OSError or ValueError when it is missing or damaged."""
    path = store.folder("rows") / cache_file
    store.hold(_bad_file(path))  # the table itself keeps its time, by which it is known to be whole
    values = checked.read_json(_bad_file(path))
    checked.check(path.parent, values["files"])
    listed = values["bad"]
    bad = [Bad(line, localized(restore(why)), raw, name, place) for line, why, raw, place in listed]
    return Piece(name, mapped(path), content, cache_file, tuple(reader_notes), bad)


def _bad_file(cache_file: Path) -> Path:
    return cache_file.with_suffix(".sums.json")


def mapped(path: Path) -> Any:
    """Memory-map an Arrow IPC file as a table: pages are read from disk when they are used.

    Several processes share the pages, and rows of any number cost no memory of their own. The
    arrays keep the mapping alive, so that it outlives a cache file that is deleted (on POSIX).
    """
    return pa.ipc.open_file(pa.memory_map(disk.plain(path))).read_all()


def write_table(
    path: Path, reading: Reading, name: str, skip_bad: bool = False
) -> tuple[int, list[Bad]]:
    """Write numbered rows as an Arrow file, one record batch at a time.

    Returns how many there are, and the rows set aside. Raises DataError at the first of these
    unless `skip_bad`.
    """
    columns = reading.columns
    if LINE in columns:
        raise DataError(
            _("{name}: rename the column {column!r}: the name is taken.", name=name, column=LINE)
        )
    fields = [*((column, kind) for column, kind in columns.items()), (LINE, INTEGER)]
    schema = pa.schema(fields, metadata={"notes": json.dumps(pack(reading.notes))})
    bad: list[Bad] = []
    rows = 0
    with pa.OSFile(disk.plain(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in reading.batches:
            good, arrays, bad_here = _arrays(batch, columns)
            if bad_here and not skip_bad:
                raise refuse(name, bad_here, reading.batches)
            bad += [row.within(name) for row in bad_here]
            rows += len(good)
            _check_proportion(bad, rows, name)
            if good:
                lines = pa.array([line for line, _ in good], INTEGER)
                writer.write_batch(pa.record_batch([*arrays, lines], schema=schema))
    return rows, bad


def _check_proportion(bad: Sequence[Bad], rows: int, name: str) -> None:
    """Raises DataError when most rows of a file are malformed: then the reader is wrong."""
    if len(bad) > MIN_BAD and len(bad) > rows:
        raise DataError(
            _(
                "{name}: {bad:,} of the first {rows:,} rows cannot be read, the first at "
                "{place}: {reason} Is the file read in the right way (data.reader)?",
                name=name,
                bad=len(bad),
                rows=rows + len(bad),
                place=bad[0].place,
                reason=bad[0].reason,
            )
        )


def _arrays(
    batch: Sequence[Numbered | Bad], columns: Mapping[str, Any]
) -> tuple[list[Numbered], list[Any], list[Bad]]:
    """Convert a batch to Arrow arrays: the good rows, their columns, and the malformed rows."""
    good = [row for row in batch if not isinstance(row, Bad)]
    bad = [row for row in batch if isinstance(row, Bad)]
    # A lone surrogate (half a UTF-16 pair, as in the JSON escape "\ud83d") has no UTF-8. It is
    # rare: so Arrow is asked first, and only a batch it refuses is searched cell by cell.
    try:
        return good, [_column(good, *column) for column in columns.items()], bad
    except UnicodeEncodeError:
        broken = {line: name for line, row in good for name in columns if _broken(row.get(name))}
    halves = [
        Bad(line, _("{column} holds half a character (a lone surrogate).", column=name))
        for line, name in broken.items()
    ]
    good = [(line, row) for line, row in good if line not in broken]
    bad = sorted([*bad, *halves], key=lambda row: row.line)
    return good, [_column(good, *column) for column in columns.items()], bad


def _column(rows: Sequence[Numbered], column: str, kind: Any) -> Any:
    return arrow_array([row.get(column) for _, row in rows], kind)


def _broken(value: Any) -> bool:
    try:
        arrow_array([value], TEXT)
    except UnicodeEncodeError:
        return True
    return False


def _numbered(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Numbered]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield [(start + i, row) for i, row in enumerate(rows[start : start + BATCH_ROWS])]
