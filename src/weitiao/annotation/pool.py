"""The rows to label: their texts, ids and content fingerprints; equal texts are one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from weitiao.core import fingerprint
from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.files.table import Source
from weitiao.data.infer.cells import is_missing
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.i18n.messages import _

BATCH_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows of a source with the columns of their texts.

    prints: the fingerprint of each row's texts; positions: the rows that are shown, without empty
    texts and without those whose texts stood before.
    """

    source: Source
    roles: Mapping[str, str]
    prints: list[str]
    positions: np.ndarray
    empty: int
    repeated: int

    @classmethod
    def of(cls, source: Source, roles: Mapping[str, str]) -> Pool:
        """Raises DataError when no row has a text."""
        prints, positions, seen = [], [], set()
        empty = repeated = 0
        at = 0
        for texts in _batches(source, list(roles.values())):
            for row in texts:
                prints.append(fingerprint.of_texts(*row, size=8))
                if not all(text.strip() for text in row):
                    empty += 1
                elif prints[-1] in seen:
                    repeated += 1
                else:
                    seen.add(prints[-1])
                    positions.append(at)
                at += 1
        if not positions:
            message = _("{name}: no row has a text in {columns}.",
                        name=source.name, columns=", ".join(roles.values()))  # fmt: skip
            raise DataError(message)
        return cls(source, roles, prints, np.array(positions, np.int64), empty, repeated)

    @cached_property
    def by_print(self) -> dict[str, int]:
        """Fingerprint -> the position of the row that is shown."""
        return {self.prints[at]: int(at) for at in self.positions}

    def texts(self, position: int) -> dict[str, str]:
        """Role -> text of a row."""
        at = np.array([position], np.int64)
        return {
            role: cell_texts(self.source.table.column(column), at)[0]
            for role, column in self.roles.items()
        }

    def columns(self, positions: np.ndarray) -> list[list[str]]:
        """A list of texts for each role."""
        table = self.source.table
        return [cell_texts(table.column(name), positions) for name in self.roles.values()]

    def id(self, position: int) -> str:
        """The place of a row: "reviews.csv:17"."""
        return self._rows.id_of(position)

    @cached_property
    def _rows(self) -> Rows:
        table = self.source.table
        return Rows(table, everything(table), {}, self.source.name, "annotation")

    def values(self, column: str) -> dict[int, str]:
        """Position -> cell of a column, of the rows that are shown and where it is not empty.

        Raises DataError when there is no such column.
        """
        if column not in self.source.columns:
            message = _("{name}: no column called {column!r}.",
                        name=self.source.name, column=column)  # fmt: skip
            raise DataError(message)
        cells = cell_texts(self.source.table.column(column), self.positions)
        pairs = zip(self.positions.tolist(), cells, strict=True)
        return {at: cell.strip() for at, cell in pairs if not is_missing(cell)}


def _batches(source: Source, columns: list[str]) -> Iterator[Iterator[tuple[Any, ...]]]:
    for span in position_batches(everything(source.table), BATCH_ROWS):
        yield zip(*(cell_texts(source.table.column(name), span) for name in columns), strict=True)
