"""Cells of a memory-mapped table at any positions, without copying more than is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from weitiao.data.files.values import TEXT, natural


def gather(column: Any, positions: np.ndarray) -> Any:
    """The cells of a chunked column at `positions`, in that order, as one Arrow array.

    pyarrow's own `take` on a chunked column may join all chunks first, that is, copy the file.
    """
    if len(positions) == 0:
        return pa.array([], column.type)
    ascending = bool(np.all(positions[1:] >= positions[:-1]))
    order = None if ascending else np.argsort(positions, kind="stable")
    wanted = positions if order is None else positions[order]
    chunks = column.chunks
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
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return joined.take(pa.array(back))


def texts(column: Any, positions: np.ndarray) -> list[str]:
    """The cells as texts; an empty cell is an empty text."""
    values = gather(column, positions).to_pylist()
    if column.type == TEXT:
        return ["" if value is None else value for value in values]
    return ["" if value is None else natural(value) for value in values]


def spans(positions: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Positions in pieces of at most `size`."""
    for start in range(0, len(positions), size):
        yield positions[start : start + size]
