"""Dataset view: row indices into a memory-mapped Arrow table, with the roles of its columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from weitiao.core import fingerprint
from weitiao.data.files.cells import cell_texts, take
from weitiao.data.files.table import ID, LINE, MADE_BY
from weitiao.data.infer.cells import is_missing, number
from weitiao.data.infer.roles import TEXT_ROLES
from weitiao.data.prepare.duplicates import row_keys, text_keys
from weitiao.data.targets import TargetChanges, read_targets, reader_of
from weitiao.errors import DataError, placed
from weitiao.example import Example
from weitiao.i18n.messages import _

WEIGHT = "weight"  # role of the column with the weights of rows, and their place in `meta`
COLUMN_SEPARATOR = " | "  # between columns and the text: "price: 12.5 | brand: X | the text"
Positions = slice | Sequence[int] | np.ndarray


@dataclass(frozen=True, eq=False)
class Rows:
    """A lazy dataset view: rows of a table in an order. Cells are read when examples are built.

    changes: what the plan makes of their targets (`data.labels`, `data.corrections`).
    """

    table: Any
    indices: np.ndarray  # int64 positions in the table
    roles: Mapping[str, str | list[str]]
    name: str
    task: str
    changes: TargetChanges | None = None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def text_roles(self) -> list[str]:
        """The texts a row has, in the order of the roles."""
        return [role for role in TEXT_ROLES if role in self.roles]

    @property
    def text_columns(self) -> list[str]:
        """All columns that the network reads: of the text roles, then the role `columns`."""
        return [*(str(self.roles[role]) for role in self.text_roles), *extra_columns(self.roles)]

    def examples(self, positions: Positions | None = None) -> list[Example]:
        """Rows as examples, in the order asked for; all of them by default."""
        rows = self if positions is None else self.take(positions)
        indices = rows.indices
        columns = [
            cell_texts(self.table.column(str(self.roles[role])), indices)
            for role in self.text_roles
        ]
        targets = rows.targets() if "target" in self.roles else [None] * len(indices)
        names = self.text_roles
        if extra := extra_columns(self.roles):
            cells = [cell_texts(self.table.column(name), indices) for name in extra]
            columns[0] = [
                with_columns(dict(zip(extra, row, strict=True)), text)
                for text, *row in zip(columns[0], *cells, strict=True)
            ]
        return [
            Example(dict(zip(names, texts, strict=True)), target, identity, meta)
            for texts, target, identity, meta in zip(
                zip(*columns, strict=True), targets, rows.ids(), rows._metas(), strict=True
            )
        ]

    def batches(self, size: int = 1000) -> Iterator[list[Example]]:
        """Iterate over all rows in order, in lists of at most `size` examples."""
        for start in range(0, len(self), size):
            yield self.examples(slice(start, start + size))

    def targets(self) -> list[Any]:
        """A label, a number, a list of labels, or None where the cell is empty. Do not change."""
        cells = read_targets(self.table, self.roles, self.task, self.indices, self.id_of)
        if self.changes is None:
            return cells
        return self.changes.applied(cells, self.indices, reader_of(self.task).head)

    def weights(self) -> np.ndarray | None:
        """How much each row counts in training, (rows,); None where no column says so.

        Raises DataError, naming the row, for a cell that is no weight.
        """
        if WEIGHT not in self.roles:
            return None
        weights = np.ones(len(self))
        cells = cell_texts(self.table.column(str(self.roles[WEIGHT])), self.indices)
        for row, cell in enumerate(cells):
            try:
                weights[row] = weight_of(cell)
            except ValueError as error:
                where = self.id_of(int(self.indices[row]))
                raise DataError(placed(where, str(error))) from None
        return weights

    def weighing(self) -> Self:
        """The rows without those of weight 0, which nothing learns from."""
        weights = self.weights()
        return self if weights is None else self.take(np.flatnonzero(weights > 0))

    def ids(self) -> list[str]:
        """Row ids: file and line of each row, e.g. "reviews.csv:17"."""
        if ID in self.table.column_names:
            return cell_texts(self.table.column(ID), self.indices)
        lines = take(self.table.column(LINE), self.indices).to_pylist()
        return [f"{self.name}:{line}" for line in lines]

    def take(self, positions: Positions) -> Self:
        """The rows at these positions, in that order."""
        wanted = positions if isinstance(positions, slice) else np.asarray(positions, np.int64)
        return replace(self, indices=self.indices[wanted])

    @cached_property
    def fingerprint(self) -> str:
        """Content hash of the texts, by role and in order; targets and ids do not count."""
        # It is the key of cached token ids: correcting labels must not tokenize everything again.
        keys = text_keys(self.table, self.text_columns, self.indices)
        content = fingerprint.of_chunks([keys.tobytes()], size=16)
        return fingerprint.of_texts(*self.text_roles, *extra_columns(self.roles), content)

    @property
    def content(self) -> str:
        """Content hash of the texts with their targets, in order."""
        keys = row_keys(text_keys(self.table, self.text_columns, self.indices), self.targets())
        return fingerprint.of_chunks([keys.tobytes()], size=16)

    def id_of(self, index: int) -> str:
        return replace(self, indices=np.array([index], np.int64)).ids()[0]

    def _metas(self) -> Sequence[Mapping[str, Any]]:
        metas: list[dict[str, Any]] = [{}] * len(self)
        if MADE_BY in self.table.column_names:
            steps = cell_texts(self.table.column(MADE_BY), self.indices)
            metas = [{"made_by": step} if step else {} for step in steps]
        weights = self.weights()
        if weights is None:
            return metas
        return [{**meta, WEIGHT: w} for meta, w in zip(metas, weights.tolist(), strict=True)]


def weight_of(cell: str) -> float:
    """The weight that a cell says, 1 for an empty one. Raises ValueError for what is none.

    >>> weight_of("0.5"), weight_of("")
    (0.5, 1.0)
    """
    if is_missing(cell):
        return 1.0
    value = number(cell)
    if value is None or not 0 <= value < math.inf:
        raise ValueError(_("{cell!r} is no weight: write a number from 0 on.", cell=cell[:40]))
    return value


def everything(table: Any) -> np.ndarray:
    """The positions of all rows of a table."""
    return np.arange(table.num_rows, dtype=np.int64)


def with_columns(cells: Mapping[str, str], text: str) -> str:
    """Prefix a text with named cells of other columns; empty cells are left out.

    >>> with_columns({"price": "12.5", "brand": ""}, "a fine lamp")
    'price: 12.5 | a fine lamp'
    """
    named = [f"{name}: {cell.strip()}" for name, cell in cells.items() if not is_missing(cell)]
    return COLUMN_SEPARATOR.join([*named, text])


def extra_columns(roles: Mapping[str, str | list[str]]) -> list[str]:
    """The columns that the network reads before the text."""
    columns = roles.get("columns", [])
    return [columns] if isinstance(columns, str) else list(columns)
