"""Files become memory-mapped Arrow tables, converted once and kept in the cache by content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from weitiao.core import disk, fingerprint
from weitiao.data.cache import store
from weitiao.data.files import find
from weitiao.data.files.bad_rows import MOST, Bad, refuse, set_aside
from weitiao.data.files.values import INTEGER, TEXT, cells, kinds_of
from weitiao.data.readers.base import BATCH_ROWS, Batches, Numbered, Reading
from weitiao.errors import DataError
from weitiao.i18n.messages import _, localized, pack, plural, restore

if TYPE_CHECKING:
    import pandas

LINE = "__line"  # the line of the file at which the row starts
ID = "__id"  # where the row is from, when file name and line do not say it
MADE_BY = "__made_by"  # the step that made the row; empty for rows of the file
OURS = (LINE, ID, MADE_BY)
VERSION = 2


@dataclass(frozen=True)
class Source:
    """Rows as they came: a memory-mapped table, and what to tell about how it was read."""

    table: Any
    name: str
    fingerprint: str
    history: tuple[str, ...] = ()
    bad: Sequence[Bad] = ()  # rows set aside

    @property
    def columns(self) -> list[str]:
        """The user's columns, without those that trace the rows."""
        return [name for name in self.table.column_names if name not in OURS]


def open_source(
    path: str | Sequence[str],
    reader: Mapping[str, Mapping[str, Any]] | None = None,
    skip_bad: bool = False,
) -> Source:
    """The rows of files, of a folder, of a pattern like data/*.csv, or of `sample:NAME`.

    reader: {name: settings}; else found by each file's ending and first bytes. Raises DataError,
    also for a row that cannot be read, unless `skip_bad` sets such rows aside.
    """
    if isinstance(path, str) and path.startswith("sample:"):
        from weitiao.data.files.samples import open_sample

        return open_sample(path.removeprefix("sample:"))
    if isinstance(path, str) and path.startswith("memory:"):
        return _remembered(path.removeprefix("memory:"))
    from weitiao.data.files.concat import joined
    from weitiao.data.files.unpack import pieces_of

    found = find.find(path)
    shown = find.names(found)
    pieces = [
        piece
        for file, name in zip(found, shown, strict=True)
        for piece in pieces_of(file, name, reader or {}, skip_bad)
    ]
    return joined(pieces, shown)


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
            raise DataError(
                _(
                    "{name}: the columns are not equally long: {lengths}.",
                    name=name,
                    lengths=str(lengths),
                )
            )
        columns = list(given)
        given = [dict(zip(columns, v, strict=True)) for v in zip(*given.values(), strict=True)]
    if not given or not all(isinstance(row, Mapping) for row in given):
        raise DataError(_("{name}: rows must be a list of dicts, at least one.", name=name))
    return stored(kinds_of(given), _numbered(given), name, "given")


def stored(columns: Mapping[str, Any], batches: Batches, name: str, kind: str) -> Source:
    """Rows that are no file's, kept in the cache under the hash of what was written.

    kind: "given" (in Python: nobody can make them again), "steps" (made of other rows), "rows".
    """
    folder = store.folder(kind)
    with store.draft(folder / "rows") as sibling:
        write_table(sibling, Reading(columns, batches), name)
        content = find.hash_of(sibling)
        kept = folder / f"{content}-rows-{VERSION}.arrow"
        store.hold(kept)
        os.replace(sibling, kept)
    return Source(mapped(kept), name, content, (_counted_rows(mapped(kept), name),))


def _remembered(content: str) -> Source:
    """Rows once given in Python, from the cache."""
    kept = store.folder("given") / f"{content}-rows-{VERSION}.arrow"
    store.hold(kept)
    if not kept.is_file():
        raise DataError(
            _("the rows of this plan were given in Python and are gone from the cache.")
        )
    return Source(mapped(kept), "rows", content, (_counted_rows(mapped(kept), "rows"),))


def _counted_rows(table: Any, name: str) -> str:
    return _("{name}: {rows}", name=name, rows=plural(table.num_rows, "row"))


@dataclass(frozen=True)
class Piece:
    """What one file gave: its rows, and what to tell about it."""

    name: str
    table: Any
    content: str
    kept: str  # the file in the cache
    said: tuple[str, ...] = ()  # how its reader was found
    bad: Sequence[Bad] = ()

    @property
    def history(self) -> list[str]:
        metadata = self.table.schema.metadata or {}
        notes = [*self.said, *map(restore, json.loads(metadata.get(b"notes", b"[]")))]
        told = [*map(localized, notes), *([set_aside(self.bad)] if self.bad else [])]
        return [
            _counted_rows(self.table, self.name),
            *(_("{name}: {note}", name=self.name, note=note) for note in told),
        ]


def kept_piece(
    name: str,
    content: str,
    how: str,
    read: Callable[[], Reading],
    skip_bad: bool,
    said: Sequence[str] = (),
) -> Piece:
    """The rows that `read` gives, from the cache when they were read before.

    content: what the file holds; how: the reader, its version and settings.
    """
    digest = fingerprint.of_texts(how, str(skip_bad), str(VERSION))
    kept = store.folder("rows") / f"{content}-{digest}.arrow"
    try:
        return piece_again(name, content, kept.name, said)
    except (OSError, ValueError, TypeError):
        pass  # not there, or not whole: made (again)
    with store.written(kept) as sibling, store.written(_aside(kept)) as beside:
        rows, bad = write_table(sibling, read(), name, skip_bad)
        if not rows:
            empty = DataError(_("{name}: holds no row.", name=name))
            raise refuse(name, bad, iter(())) if bad else empty
        told = [(row.line, pack(row.reason), row.raw, row.id) for row in bad]
        beside.write_text(json.dumps(told), encoding="utf-8")
    return piece_again(name, content, kept.name, said)


def piece_again(name: str, content: str, kept: str, said: Sequence[str]) -> Piece:
    """A piece from its file in the cache. Raises OSError or ValueError when it is not whole."""
    path = store.folder("rows") / kept
    store.hold(path)
    found = json.loads(_aside(path).read_text(encoding="utf-8"))
    bad = [Bad(line, localized(restore(why)), raw, name, place) for line, why, raw, place in found]
    return Piece(name, mapped(path), content, kept, tuple(said), bad)


def _aside(kept: Path) -> Path:
    return kept.with_suffix(".bad.json")


def mapped(path: Path) -> Any:
    """The table in an Arrow file, its pages read when they are looked at."""
    return pa.ipc.open_file(pa.memory_map(disk.plain(path))).read_all()


def write_table(
    path: Path, reading: Reading, name: str, skip_bad: bool = False
) -> tuple[int, list[Bad]]:
    """Write numbered rows as an Arrow file, one record batch at a time.

    Returns how many there are, and the rows set aside. Raises DataError at the first of these
    unless `skip_bad`.
    """
    columns = reading.columns
    taken = [column for column in columns if column == LINE]
    if taken:
        raise DataError(
            _("{name}: rename the column {column!r}: the name is taken.", name=name,
                 column=taken[0])
        )  # fmt: skip
    fields = [*((column, kind) for column, kind in columns.items()), (LINE, INTEGER)]
    schema = pa.schema(fields, metadata={"notes": json.dumps(pack(reading.notes))})
    bad: list[Bad] = []
    rows = 0
    with pa.OSFile(disk.plain(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in reading.batches:
            good, arrays, found = _arrays(batch, columns)
            if found and not skip_bad:
                raise refuse(name, found, reading.batches)
            bad += [row.within(name) for row in found]
            rows += len(good)
            _not_most(bad, rows, name)
            if good:
                lines = pa.array([line for line, _ in good], INTEGER)
                writer.write_batch(pa.record_batch([*arrays, lines], schema=schema))
    return rows, bad


def _not_most(bad: Sequence[Bad], rows: int, name: str) -> None:
    if len(bad) > MOST and len(bad) > rows:
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
    """The good rows, their columns as arrays, and the bad rows."""
    good = [row for row in batch if not isinstance(row, Bad)]
    bad = [row for row in batch if isinstance(row, Bad)]
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
    return cells([row.get(column) for _, row in rows], kind)


def _broken(value: Any) -> bool:
    try:
        cells([value], TEXT)
    except UnicodeEncodeError:
        return True
    return False


def _numbered(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Numbered]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield [(start + i, row) for i, row in enumerate(rows[start : start + BATCH_ROWS])]
