"""Opening a data source: files, folders, glob patterns and archives as one Arrow table.

Archives are unpacked into the cache, read, and the files deleted; a small list says which cached
tables they became.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa

from weitiao import parts
from weitiao.core import dotted, fingerprint
from weitiao.data.cache import checked, store
from weitiao.data.files import aligned, archive, card, find, hub
from weitiao.data.files.card import with_names
from weitiao.data.files.cells import TEXT, as_text, widest
from weitiao.data.files.conversations import by_turns
from weitiao.data.files.database import SQLITE, file_of, open_database
from weitiao.data.files.detect import endings, packing, reader_for
from weitiao.data.files.offsets import counted
from weitiao.data.files.samples import open_sample
from weitiao.data.files.sentences import by_sentence
from weitiao.data.files.table import (
    ID,
    LINE,
    OURS,
    VERSION,
    Piece,
    Source,
    cached_piece,
    from_memory,
    open_piece,
)
from weitiao.data.infer.declared import SPLIT_COLUMN, part_of_file
from weitiao.data.readers.base import Reader, Reading
from weitiao.data.readers.sql import is_address
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list, pack, plural, restore

Paths = str | Sequence[str]
ReaderSettings = Mapping[str, Mapping[str, Any]]  # {name: settings}; empty: detected
SINGLE_FILE_SETTINGS = {"sheet", "header_row", "rows"}  # say nothing about another file
NAMED_FILES = 5  # up to so many, the history has a line for each file
_PACKED = {".gz", ".bz2", ".xz"}
_TYPED = {"arrow", "parquet"}  # readers whose columns have types


@dataclass(frozen=True)
class ReadOptions:
    """Reader settings (empty: detected), whether malformed rows are skipped, and whether empty
    lines between rows are rows."""

    reader: ReaderSettings = field(default_factory=dict)
    skip_bad: bool = False
    blank_rows: bool = False

    def changed(self, changes: Mapping[str, Any] | None) -> ReadOptions:
        """A copy with changes of the plan applied, e.g. {"data.reader.csv.header": False}."""
        from weitiao.planfile.sections import as_parts

        raw: dict[str, Any] = {"reader": {k: dict(v) for k, v in self.reader.items()}}
        for path, value in (changes or {}).items():
            if path.startswith("data."):
                dotted.put(raw, path.removeprefix("data."), value, as_parts)
        skip_bad = bool(raw.get("skip_bad", self.skip_bad))
        return replace(self, reader=as_parts(raw["reader"]), skip_bad=skip_bad)

    def open(self, path: Paths) -> Source:
        """Open a data source with these settings. Raises DataError."""
        if isinstance(path, str) and path.startswith("sample:"):
            return open_sample(path.removeprefix("sample:"))
        if isinstance(path, str) and path.startswith("memory:"):
            return from_memory(path.removeprefix("memory:"))
        if isinstance(path, str) and is_address(path):
            if not path.lower().startswith(SQLITE):
                return open_database(path, self.reader)
            path, reader = file_of(path, self.reader)
            return open_source(path, reader, self.skip_bad, self.blank_rows)
        classes: card.Classes | None = None
        if hub.is_hub(path):
            assert isinstance(path, str), "hub.is_hub"
            files, names = [hub.folder_of(path)], [path]
            classes = card.class_names(hub.card_folder(path, files[0]))
        else:
            files = find.find(path)
            names = find.names(files)
        if not self.reader and (pair := aligned.pair_in(files)):
            return concatenated([aligned.open_pair(pair, names[0], self.skip_bad)], names[:1])
        pieces = [
            piece
            for file, name in zip(files, names, strict=True)
            for piece in _pieces_of(file, name, self, classes)
        ]
        return concatenated(pieces, names)

    def open_other(self, path: Paths, like: Paths) -> Source:
        """Open another file, such as the test set: same extension, same settings of the format.

        The sheet and where the table begins are settings of a single file and do not hold.
        """
        if _ending(path) != _ending(like):
            return open_source(path, {}, self.skip_bad, self.blank_rows)
        reader = {
            name: {k: value for k, value in settings.items() if k not in SINGLE_FILE_SETTINGS}
            for name, settings in self.reader.items()
        }
        return open_source(path, reader, self.skip_bad, self.blank_rows)


def open_source(
    path: Paths,
    reader: ReaderSettings | None = None,
    skip_bad: bool = False,
    blank_rows: bool = False,
) -> Source:
    """Open a data source: files, a folder, a pattern like data/*.csv, `sample:NAME`,
    `hf:owner/name`, or the address of a database.

    reader: {name: settings}; else detected by each file's ending and first bytes. Raises DataError,
    also for a row that cannot be read, unless `skip_bad` sets such rows aside.
    """
    how = ReadOptions(reader or {}, skip_bad, blank_rows)
    return how.open(path)


def _ending(path: Paths) -> str:
    first = Path(path if isinstance(path, str) else path[0] if path else "")
    return Path(first.stem).suffix if first.suffix in _PACKED else first.suffix


def _pieces_of(
    path: Path, name: str, how: ReadOptions, classes: card.Classes | None = None
) -> list[Piece]:
    """Tables of a path: one for a file, one for each file of a folder or an archive."""
    if path.is_dir():
        return _of_folder(path, name, how, classes)
    kind = packing(path)
    if kind:
        return _of_archive(path, name, kind, how)
    return [_of_file(path, name, find.content_of(path), how, classes or {})]


def _of_file(path: Path, name: str, content: str, how: ReadOptions, classes: card.Classes) -> Piece:
    chosen, reader, notes = reader_for(path, how.reader)
    if how.blank_rows and "blank_rows" in type(reader).model_fields:
        reader = reader.model_copy(update={"blank_rows": True})
    key = _reader_key(chosen, reader) + (json.dumps(classes, sort_keys=True) if classes else "")

    key += reader.state(path)

    def read() -> Reading:
        rows = by_turns(by_sentence(reader.read(path)))
        return counted(with_names(rows, classes, chosen in _TYPED))

    return cached_piece(name, content, key, read, how.skip_bad, notes)


def _reader_key(name: str, reader: Reader) -> str:
    """Cache key of a reader: all that decides which rows it makes of the same bytes."""
    origin = parts.origin("readers", name)
    return json.dumps(
        [name, reader.version, origin, reader.model_dump(mode="json")], sort_keys=True
    )


def _of_folder(
    path: Path, name: str, how: ReadOptions, classes: card.Classes | None = None
) -> list[Piece]:
    """Tables of a folder: one for sub-folders of texts by label; else one for each table file."""
    shape = find.folder_shape(path, set(endings()), name)
    if shape.labels:
        reader = parts.build("readers", "folder", how.reader.get("folder", {}))
        content = find.stamp_of(path, shape)
        key = _reader_key("folder", reader)
        return [cached_piece(name, content, key, lambda: reader.read(path), how.skip_bad)]
    others = {key: value for key, value in how.reader.items() if key != "folder"}
    classes = classes or card.class_names(path)
    names = [f"{name}/{file.relative_to(path).as_posix()}" for file in shape.tables]
    return [
        piece
        for file, each in zip(shape.tables, names, strict=True)
        for piece in _pieces_of(file, each, replace(how, reader=others), classes)
    ]


def _of_archive(path: Path, name: str, kind: str, how: ReadOptions) -> list[Piece]:
    content = find.content_of(path)
    # Which files an archive holds is known only unpacked. So the list of its tables is cached as
    # well: opening it a second time neither unpacks nor hashes anything.
    settings = {reader: dict(each) for reader, each in how.reader.items()}
    key = [name, kind, settings, how.skip_bad, how.blank_rows, VERSION]
    listing = (
        store.folder("rows") / f"{content}-{fingerprint.of_texts(json.dumps(key))}.pieces.json"
    )
    cached = _from_listing(listing)
    if cached is not None:
        return cached
    with store.draft(store.folder("unpacked") / "archive") as folder:
        archive.unpack(path, kind, folder)
        pieces = _of_unpacked(folder, name, kind, how)
    lines = [[p.name, p.content, p.cache_file, pack(p.reader_notes)] for p in pieces]
    checked.write_json(listing, lines)
    return pieces


def _of_unpacked(folder: Path, name: str, kind: str, how: ReadOptions) -> list[Piece]:
    while (inner := find.only_folder(folder)) is not None:
        folder = inner
    only = find.only_file(folder)
    if only is None:
        return _of_folder(folder, name, how)
    if packing(only):
        raise DataError(_("{file}: holds an archive again: unpack the outer one.", file=name))
    shown = f"{name}/{only.name}" if kind == "zip" else name
    return [_of_file(only, shown, find.hash_of(only), how, {})]


def _from_listing(listing: Path) -> list[Piece] | None:
    try:
        lines: Sequence[Any] = checked.read_json(listing)
        return [
            open_piece(name, content, cached, [*map(restore, notes)])
            for name, content, cached, notes in lines
        ]
    except FileNotFoundError:
        return None  # not there, or gone from the cache: unpacked again
    except (OSError, ValueError, TypeError):
        checked.made_again(listing)
        return None


def concatenated(pieces: Sequence[Piece], names: Sequence[str]) -> Source:
    """Concatenate Arrow tables into one source. names: of the paths that the user gave.

    Raises DataError when a file lacks a column that another one has.
    """
    if len(pieces) == 1:
        only = pieces[0]
        return Source(only.table, only.name, only.content, tuple(only.history), only.bad)
    _check_columns(pieces)
    pieces, notes = _with_parts(pieces)
    # A column that is whole numbers in one file and text in another becomes text in all.
    schema = {
        name: reduce(widest, (piece.table.schema.field(name).type for piece in pieces))
        for name in _columns(pieces[0])
    }
    table = pa.concat_tables([_cast(piece, schema) for piece in pieces])
    name = names[0]
    if len(names) > 1:
        name = _("{first} and {count} more", first=names[0], count=len(names) - 1)
    content = fingerprint.of_texts(*(text for p in pieces for text in (p.name, p.content)))
    bad = [row for piece in pieces for row in piece.bad]
    history = [*_history(pieces, name, table.num_rows), *notes]
    return Source(table, name, content, tuple(history), bad)


def _with_parts(pieces: Sequence[Piece]) -> tuple[Sequence[Piece], list[str]]:
    """Add a column with the part of each file where their names declare one: train.csv, test.csv.

    Raises DataError where some do and others do not.
    """
    parts_of = {piece.name: part_of_file(piece.name) for piece in pieces}
    known = {part for part in parts_of.values() if part}
    if "train" not in known or len(known) < 2 or SPLIT_COLUMN in _columns(pieces[0]):
        return pieces, []
    if without := [name for name, part in parts_of.items() if not part]:
        named = {part: name for name, part in parts_of.items() if part}
        raise DataError(
            _(
                "{other}: stands beside {train} and {test}, and its name says not of which part "
                "it is. Name the files one by one: weitiao fit {train} --test {test}",
                other=without[0],
                train=named["train"],
                test=named.get("test") or named["validation"],
            )
        )
    new = []
    for piece in pieces:
        cells = pa.array([parts_of[piece.name]] * piece.table.num_rows, TEXT)
        new.append(replace(piece, table=piece.table.append_column(SPLIT_COLUMN, cells)))
    note = _("the names of the files say which rows are for training, validation and test")
    return new, [note]


def _history(pieces: Sequence[Piece], name: str, rows: int) -> list[str]:
    total = _(
        "{name}: {rows} in {files}",
        name=name,
        rows=plural(rows, "row"),
        files=plural(len(pieces), "file"),
    )
    if len(pieces) <= NAMED_FILES:
        return [*(line for piece in pieces for line in piece.history), total]
    # Of many files, each thing that was noticed is said once, of the first file it was seen in.
    first: dict[str, str] = {}
    for piece in pieces:
        for line in piece.history[1:]:
            first.setdefault(line.removeprefix(piece.name), line)
    return [total, *first.values()]


def _check_columns(pieces: Sequence[Piece]) -> None:
    # Both ways: a column that only a later file has would be dropped without a word.
    first, wanted = pieces[0], _columns(pieces[0])
    for piece in pieces[1:]:
        here = _columns(piece)
        for lacking, holder, one, other in (
            (set(wanted) - set(here), first, piece, wanted),
            (set(here) - set(wanted), piece, first, here),
        ):
            if lacking:
                column = next(name for name in other if name in lacking)
                raise DataError(
                    _(
                        "{file}: has no column {column!r}, which {other} has. Files that are "
                        "read as one must have the same columns; this one has {columns}.",
                        file=one.name,
                        column=column,
                        other=holder.name,
                        columns=name_list(_columns(one)),
                    )
                )


def _columns(piece: Piece) -> list[str]:
    return [name for name in piece.table.column_names if name not in OURS]


def _cast(piece: Piece, schema: Mapping[str, Any]) -> Any:
    """Cast a table to the common schema, with an id for each row: "a.csv:17"."""
    import pyarrow.compute as pc

    columns = [_cast_column(piece.table.column(name), kind) for name, kind in schema.items()]
    lines = piece.table.column(LINE)
    if ID in piece.table.column_names:
        places, joint = piece.table.column(ID), "/"
    else:
        places, joint = lines.cast(TEXT), ":"
    name = pa.scalar(piece.name, TEXT)
    ids = pc.binary_join_element_wise(name, places, pa.scalar(joint, TEXT))
    return pa.table(dict(zip([*schema, LINE, ID], [*columns, lines, ids], strict=True)))


def _cast_column(column: Any, kind: Any) -> Any:
    if column.type == kind:
        return column
    if kind != TEXT:
        return column.cast(kind)
    # Arrow's cast would write the number 1 as "1.0", which is not the label "1" of another file.
    chunks = [
        pa.array([None if v is None else as_text(v) for v in chunk.to_pylist()], TEXT)
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, TEXT)
