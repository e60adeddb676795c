"""What a file declares of its rows: the parts by a column, and decisions of annotators."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.infer.declared import UNDECIDED, decision_of, is_split, part_in
from weitiao.data.rows import Rows
from weitiao.data.targets import target_columns
from weitiao.i18n.messages import _, name_list, plural

SPAN = 4096


@dataclass(frozen=True, eq=False)
class Declared:
    """Positions among the rows, by part. column: which says so."""

    column: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def counts(self) -> dict[str, int]:
        """Rows of each part."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(positions) for name, positions in parts.items()}


def without_refused(rows: Rows, history: list[str]) -> Rows:
    """Leave out rows that annotators rejected, ignored or did not finish; `history` counts them."""
    target = rows.roles.get("target")
    for name in [*_free_columns(rows), *([target] if isinstance(target, str) else [])]:
        counts = _counts(rows, name)
        refused = decision_of(name, counts)
        if name == target:
            refused = [one for one in refused if one in UNDECIDED]
        if not refused:
            continue
        cells = _cells(rows, name)
        out = np.array([cell.strip().lower() in refused for cell in cells], bool)
        if out.any() and not out.all():
            named = Counter(
                cell.strip() for cell, left_out in zip(cells, out, strict=True) if left_out
            )
            history.append(
                _(
                    "{rows} left out by the column {column!r} ({decisions})",
                    rows=plural(int(out.sum()), "row"),
                    column=name,
                    decisions=name_list(f"{word}: {count:,}" for word, count in named.items()),
                )
            )
            rows = rows.take(np.flatnonzero(~out))
    return rows


def declared_parts(rows: Rows, history: list[str]) -> Declared | None:
    """The parts that a column of the rows declares; None where no column does."""
    for name in _free_columns(rows):
        if not is_split(name, _counts(rows, name)):
            continue
        cells = _cells(rows, name)
        parts = np.array([part_in(name, cell) for cell in cells])
        declared = Declared(
            name, *(np.flatnonzero(parts == part) for part in ("train", "validation", "test"))
        )
        history.append(
            _(
                "split by the column {column!r}: {train:,} train, {validation:,} validation, "
                "{test:,} test; to split again: data.declared_split=false",
                column=name,
                train=len(declared.train),
                validation=len(declared.validation),
                test=len(declared.test),
            )
        )
        others = Counter(cell.strip() for cell, part in zip(cells, parts, strict=True) if not part)
        if others:
            history.append(
                _(
                    "{rows} left out whose {column!r} names no part ({cells})",
                    rows=plural(others.total(), "row"),
                    column=name,
                    cells=name_list(list(others)[:3], quoted=True),
                )
            )
        return declared
    return None


def _free_columns(rows: Rows) -> list[str]:
    taken = {*rows.text_columns, *(target_columns(rows.roles) if "target" in rows.roles else ())}
    taken |= {
        str(rows.roles[role]) for role in ("group", "time", "start", "weight") if role in rows.roles
    }
    for role in ("annotators", "probabilities"):
        columns = rows.roles.get(role, [])
        taken |= {columns} if isinstance(columns, str) else set(columns)
    return [n for n in rows.table.column_names if n not in taken and not n.startswith("__")]


def _cells(rows: Rows, name: str) -> list[str]:
    column = rows.table.column(name)
    return [
        cell for span in position_batches(rows.indices, SPAN) for cell in cell_texts(column, span)
    ]


def _counts(rows: Rows, name: str) -> set[str]:
    """The distinct values of a column, as long as they are few; else nothing."""
    column, seen = rows.table.column(name), set[str]()
    for span in position_batches(rows.indices, SPAN):
        seen.update(cell.strip() for cell in cell_texts(column, span))
        if len(seen) > 20:
            return set()
    return seen - {""}
