"""Limits of columnar and JSON files: what a small file may unpack to.

A dictionary of Parquet holds a text once for a billion rows, and a footer can claim any number of
them. The limits are far above what tables of texts have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from weitiao.core.units import shown
from weitiao.data.readers.base import BATCH_ROWS
from weitiao.errors import DataError
from weitiao.i18n.messages import _

MAX_COLUMNS = 5_000
ROWS_A_BYTE, FREE_ROWS = 20, 1_000_000  # rows that a file may claim by its size, and any file
UNPACKED_A_BYTE, FREE_BYTES = 50, 1 << 29  # bytes of cells, likewise
PIECE_BYTES = 1 << 26  # of cells that are Python objects at a time
CELL_BYTES = 8  # of any cell, for its offset or its number


def check_columns(count: int, file: str) -> None:
    """Raise DataError for more columns than any table of texts has."""
    if count > MAX_COLUMNS:
        raise DataError(
            _(
                "{file}: {count:,} columns are too many (at most {limit:,}). Does each row have "
                "keys of its own?",
                file=file,
                count=count,
                limit=MAX_COLUMNS,
            )
        )


def check_keys(rows: Iterable[Mapping[str, Any]], file: str) -> Iterator[Mapping[str, Any]]:
    """The rows as they come; raises DataError once they have too many different keys."""
    seen: set[str] = set()
    for row in rows:
        if not row.keys() <= seen:
            seen |= row.keys()
            check_columns(len(seen), file)
        yield row


def check_rows(rows: int, path: Path) -> None:
    """Raise DataError when a file claims more rows than it has room for."""
    if rows > FREE_ROWS + ROWS_A_BYTE * path.stat().st_size:
        raise DataError(
            _(
                "{file}: claims {rows:,} rows in {size}: damaged, or made to fill the memory.",
                file=path.name,
                rows=rows,
                size=shown(path.stat().st_size),
            )
        )


def check_unpacked(sizes: Iterable[int], path: Path) -> None:
    """Raise DataError once batches together unpack to far more than the file has."""
    most, unpacked = FREE_BYTES + UNPACKED_A_BYTE * path.stat().st_size, 0
    for size in sizes:
        unpacked += max(0, size)
        if unpacked > most:
            raise _too_large(path, most)


def _too_large(path: Path, most: int) -> DataError:
    return DataError(
        _(
            "{file}: {size} unpack to more than {limit}. Write it again without repeated texts, "
            "or in several files.",
            file=path.name,
            size=shown(path.stat().st_size),
            limit=shown(most),
        )
    )


def pieces(batches: Iterator[Any], path: Path) -> Iterator[Any]:
    """Record batches in pieces that fit into memory as Python objects.

    Raises DataError once all cells together are far larger than the file.
    """
    most, unpacked = FREE_BYTES + UNPACKED_A_BYTE * path.stat().st_size, 0
    for batch in batches:
        # Damaged offsets or UTF-8 would be read as memory that is not the file's.
        batch.validate(full=True)
        for piece in _halved(batch, 0, batch.num_rows):
            unpacked += piece.num_rows * CELL_BYTES * max(piece.num_columns, 1)
            unpacked += sum(map(_cells, piece.columns))
            if unpacked > most:
                raise _too_large(path, most)
            yield piece


def _halved(batch: Any, start: int, end: int) -> Iterator[Any]:
    """The batch, cut until its cells are few or small."""
    piece = batch.slice(start, end - start)
    large = piece.num_rows > BATCH_ROWS or sum(map(_cells, piece.columns)) > PIECE_BYTES
    if piece.num_rows < 2 or not large:
        yield piece
        return
    middle = (start + end) // 2
    yield from _halved(batch, start, middle)
    yield from _halved(batch, middle, end)


def _cells(column: Any) -> int:
    """Bytes of a column's cells, each for itself, also where a dictionary holds them once."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    values = column.dictionary
    if not _has_lengths(values.type):
        return int(len(column) * CELL_BYTES)
    # Lengths of the dictionary's texts, taken by the indices: no text is copied.
    lengths = pc.binary_length(values).cast(pa.int64())
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def _has_lengths(kind: Any) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    )
