"""Several files as one set of rows: their columns must agree, their ids keep the file's name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from weitiao.core import fingerprint
from weitiao.data.files.table import ID, LINE, OURS, Piece, Source
from weitiao.data.files.values import TEXT, natural, widest
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural

TOLD = 5  # files whose rows are told one by one


def joined(pieces: Sequence[Piece], given: Sequence[str]) -> Source:
    """The rows of all files, in their order. `given`: how the files that were asked for are called.

    Raises DataError when a file lacks a column that another one has.
    """
    if len(pieces) == 1:
        only = pieces[0]
        return Source(only.table, only.name, only.content, tuple(only.history), only.bad)
    _same_columns(pieces)
    schema = _schema(pieces)
    tables = [_as(piece, schema) for piece in pieces]
    name = given[0] if len(given) == 1 else _several(given)
    table = pa.concat_tables(tables)
    content = fingerprint.of_texts(*(text for p in pieces for text in (p.name, p.content)))
    bad = [row for piece in pieces for row in piece.bad]
    return Source(table, name, content, tuple(_history(pieces, name, table.num_rows)), bad)


def _several(given: Sequence[str]) -> str:
    return _("{first} and {count} more", first=given[0], count=len(given) - 1)


def _history(pieces: Sequence[Piece], name: str, rows: int) -> list[str]:
    total = _(
        "{name}: {rows} in {files}", name=name, rows=plural(rows, "row"),
        files=plural(len(pieces), "file"),
    )  # fmt: skip
    if len(pieces) <= TOLD:
        return [*(line for piece in pieces for line in piece.history), total]
    # Of many files, each thing that was noticed is told once, by the first file it was seen in.
    seen: dict[tuple[str, ...], str] = {}
    for piece in pieces:
        for line in piece.history[1:]:
            seen.setdefault((line.removeprefix(piece.name),), line)
    return [total, *seen.values()]


def _same_columns(pieces: Sequence[Piece]) -> None:
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
                        columns=", ".join(_columns(one)),
                    )
                )


def _columns(piece: Piece) -> list[str]:
    return [name for name in piece.table.column_names if name not in OURS]


def _schema(pieces: Sequence[Piece]) -> dict[str, Any]:
    """Every column with the type that holds the cells of all files."""
    return {
        name: reduce(widest, (piece.table.schema.field(name).type for piece in pieces))
        for name in _columns(pieces[0])
    }


def _as(piece: Piece, schema: dict[str, Any]) -> Any:
    columns = [_cast(piece.table.column(name), kind) for name, kind in schema.items()]
    lines = piece.table.column(LINE)
    if ID in piece.table.column_names:
        places, joint = piece.table.column(ID), "/"
    else:
        places, joint = lines.cast(TEXT), ":"
    name = pa.scalar(piece.name, TEXT)
    ids = pc.binary_join_element_wise(name, places, pa.scalar(joint, TEXT))
    return pa.table(dict(zip([*schema, LINE, ID], [*columns, lines, ids], strict=True)))


def _cast(column: Any, kind: Any) -> Any:
    """Numbers become texts as a person writes them; else the types differ in width only."""
    if column.type == kind:
        return column
    if kind != TEXT:
        return column.cast(kind)
    chunks = [
        pa.array([None if v is None else natural(v) for v in chunk.to_pylist()], TEXT)
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, TEXT)
