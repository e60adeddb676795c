"""Base class of file readers: a file in, its columns and numbered rows out, batch by batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from weitiao.data.files.bad_rows import Bad
from weitiao.parts import Part

BATCH_ROWS = 4096

Numbered = tuple[int, Mapping[str, Any]]  # (line at which the row starts, column -> value)
Batches = Iterator[Sequence[Numbered | Bad]]  # a row that cannot be read stands in its place


@dataclass(frozen=True)
class Reading:
    """Result of a reader: the schema (column -> Arrow type), and a stream of row batches.

    above: lines of a sheet that stand above its table, (row, cells), such as a title.
    """

    columns: Mapping[str, Any]
    batches: Batches
    notes: tuple[str, ...] = ()
    above: tuple[tuple[int, Sequence[Any]], ...] = ()


class Reader(Part):
    """One file format. The part's name is the usual ending, `endings` are the others."""

    endings: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[bool] = True  # whether it reads files; else addresses
    version: ClassVar[int] = 1  # raise it when the same file gives other rows than before

    @abstractmethod
    def read(self, path: Path) -> Reading:
        """The columns now, the rows batch by batch.

        Raises DataError when nothing can be read; a single row that cannot be read is a Bad.
        """

    def state(self, path: Path) -> str:
        """What decides the rows besides the file's own bytes; "" for nothing."""
        return ""


def batched(rows: Iterator[Numbered | Bad], size: int = BATCH_ROWS) -> Batches:
    """Group rows into batches (lists) of `size`."""
    while batch := list(islice(rows, size)):
        yield batch
