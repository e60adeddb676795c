"""Arrow columns: type inference, conversion to text, random access to memory-mapped tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

TEXT = pa.large_string()  # 64-bit offsets: 32-bit ones end at 2 GB of text in a column
INTEGER = pa.int64()
NUMBER = pa.float64()


def kind_of(value: Any) -> Any:
    """Infer the Arrow type of `value`; None when the cell is empty.

    >>> kind_of("1"), kind_of(1), kind_of(0.5)
    (DataType(large_string), DataType(int64), DataType(double))
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return TEXT
    if isinstance(value, float):
        return None if math.isnan(value) else NUMBER
    return INTEGER if -(2**63) <= value < 2**63 else TEXT


def widest(first: Any, second: Any) -> Any:
    """Promote two Arrow types to one that holds both (None: nothing seen yet)."""
    if first is None or first == second:
        return second
    if second is None:
        return first
    return NUMBER if {first, second} == {INTEGER, NUMBER} else TEXT


def kinds_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Infer the schema of rows: columns in order of appearance, with their Arrow types."""
    kinds: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            kinds[name] = widest(kinds.get(name), kind_of(value))
    return {name: kind or TEXT for name, kind in kinds.items()}


def as_text(value: Any) -> str:
    """Format a cell as text: 1 and not 1.0, lists and objects as JSON.

    >>> as_text(1.0), as_text(0.5), as_text(True), as_text(["a", "b"])
    ('1', '0.5', 'true', '["a", "b"]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    # Below 2^53 (9e15) every whole number is exact as a float; digits beyond would be invented.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def arrow_array(values: Iterable[Any], kind: Any) -> Any:
    """Convert values to an Arrow array. Raises UnicodeEncodeError for lone surrogates."""
    if kind == TEXT:
        return pa.array([None if _is_empty(v) else as_text(v) for v in values], TEXT)
    return pa.array([None if _is_empty(v) else v for v in values], kind)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def different_cells(column: Any) -> list[str]:
    """The different cells of a chunked column as texts, without empty ones."""
    return [as_text(value) for value in column.unique().to_pylist() if value is not None]


def take(column: Any, positions: np.ndarray) -> Any:
    """Gather the cells of a chunked column at `positions`, in that order, as one Arrow array.

    pyarrow's own `ChunkedArray.take` may concatenate all chunks first: that would copy a
    memory-mapped file into memory for the sake of a batch. So positions are sorted, cut at the
    borders of chunks, taken chunk by chunk, and put back into the order asked for.
    """
    if len(positions) == 0:
        return pa.array([], column.type)
    ascending = bool(np.all(positions[1:] >= positions[:-1]))
    order = None if ascending else np.argsort(positions, kind="stable")
    wanted = positions if order is None else positions[order]
    chunks = column.chunks
    # starts[c] is the position of chunk c's first cell; "right" finds the last chunk that starts
    # at or before a position, and so skips empty chunks.
    starts = np.cumsum([0, *(len(chunk) for chunk in chunks)])
    owners = np.searchsorted(starts, wanted, side="right") - 1
    edges = np.flatnonzero(np.diff(owners)) + 1
    pieces = [
        chunks[owners[part[0]]].take(pa.array(wanted[part] - starts[owners[part[0]]]))
        for part in np.split(np.arange(len(wanted)), edges)
    ]
    joined = pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces)
    if order is None:
        return joined
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return joined.take(pa.array(inverse))


def cell_texts(column: Any, positions: np.ndarray) -> list[str]:
    """Cells of an Arrow column as str; null is an empty text."""
    values = take(column, positions).to_pylist()
    if column.type == TEXT:
        return ["" if value is None else value for value in values]
    return ["" if value is None else as_text(value) for value in values]


def position_batches(positions: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Split positions into batches of at most `size`."""
    for start in range(0, len(positions), size):
        yield positions[start : start + size]
