"""Near duplicates in a split: kept in one part, left out where they stand in a separate file."""

from __future__ import annotations

import numpy as np

from weitiao.data.prepare.extra_files import ExtraFile
from weitiao.data.prepare.split import merged_groups
from weitiao.data.quality.near_duplicates import RowTexts, likeness
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural


def with_near_groups(
    units: np.ndarray, rows: Rows, similarity: float | None, history: list[str]
) -> np.ndarray:
    """Group numbers (rows,) for the split: of `units`, and near duplicates have the same."""
    if similarity is None:
        return units
    like = likeness(RowTexts(rows), similarity)
    groups = np.where(like.near < 0, len(rows) + np.arange(len(rows)), like.near)
    numbers, sizes = np.unique(groups, return_counts=True)
    together = int(sizes[sizes > 1].sum())
    if together:
        history.append(
            _(
                "{rows} are near duplicates of others (similarity {similarity:g}): {groups}, each "
                "kept within one part of the split",
                rows=plural(together, "row"),
                similarity=similarity,
                groups=plural(int((sizes > 1).sum()), "group"),
            )
        )
    return merged_groups(units, np.searchsorted(numbers, groups))


def without_near(
    rows: Rows,
    positions: np.ndarray,
    file: ExtraFile,
    similarity: float | None,
    history: list[str],
) -> np.ndarray:
    """Positions of the rows that are no near duplicate of a row of a separate file.

    Raises DataError when no row is left.
    """
    if similarity is None:
        return positions
    some = rows.take(positions)
    like = likeness(RowTexts(some, file.rows), similarity)
    held = np.unique(like.near[len(some) :])
    leaked = np.isin(like.near[: len(some)], held[held >= 0])
    if count := int(leaked.sum()):
        left_out = plural(count, "row")
        history.append(
            _("{rows} left out that are near duplicates of rows of the test file", rows=left_out)
            if file.part == "test"
            else _(
                "{rows} left out that are near duplicates of rows of the validation file",
                rows=left_out,
            )
        )
    if leaked.all():
        raise DataError(
            _(
                "{file}: every row is a near duplicate of one in {other}: give other rows, or "
                "leave data.near_duplicates out.",
                file=rows.name,
                other=file.path,
            )
        )
    return positions[~leaked]
