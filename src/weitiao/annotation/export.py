"""Export of the labels: the columns of the rows, the label, who gave it, and an honest split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from weitiao.annotation.pool import Pool
from weitiao.annotation.queue import Queue
from weitiao.annotation.scheme import Scheme
from weitiao.annotation.standing import RANDOM, Standing
from weitiao.core import disk
from weitiao.core.atomic import replacing
from weitiao.data.files.cells import NUMBER, TEXT, take
from weitiao.data.files.table_writers import check_fits, format_of, writing
from weitiao.errors import DataError
from weitiao.i18n.messages import _

SPLIT_NAMES = ("split", "subset", "partition", "dataset_split")  # names that `weitiao fit` knows
BATCH_ROWS = 1_000


@dataclass(frozen=True)
class Exported:
    """What was written: rows by part, and the labelled rows that were left out because annotators
    differ and nobody has decided."""

    path: str
    rows: int
    train: int
    validation: int
    test: int
    open: int
    target: str
    split: str

    def plain(self) -> dict[str, Any]:
        return dict(vars(self))


def export(
    pool: Pool, scheme: Scheme, standing: Standing, queue: Queue, path: Path, target: str
) -> Exported:
    """Write the labelled rows. Raises DataError where there is none, or a column is there already.

    Rows of the random arm are validation and test rows, half each; all others are for training.
    """
    form = format_of(path)
    final = {at: standing.final(at) for at in standing.answers}
    labelled = [at for at in sorted(final) if final[at][0]]
    if not labelled:
        raise DataError(_("no row has a label yet: there is nothing to export."))
    check_target(pool, target)
    columns = pool.source.columns
    split = next((name for name in SPLIT_NAMES if name not in columns), "")
    parts = parts_of(labelled, standing, queue)
    extra = {target: NUMBER if scheme.kind == "number" else TEXT, split: TEXT,
             _free("annotator", columns): TEXT, _free("arm", columns): TEXT}  # fmt: skip
    table = pool.source.table
    schema = {name: table.schema.field(name).type for name in columns} | extra
    check_fits(form, path, _rows_of(table.select(columns), np.array(labelled, np.int64)))
    with disk.writing(path), replacing(path) as sibling, writing(sibling, form, schema) as add:
        for start in range(0, len(labelled), BATCH_ROWS):
            span = np.array(labelled[start : start + BATCH_ROWS], np.int64)
            rows = _rows_of(table.select(columns), span).to_pylist()
            for at, row in zip(span.tolist(), rows, strict=True):
                label = scheme.cell(final[at][1], pool.texts(at))
                who = ", ".join(sorted(standing.answers[at]))
                add([*row.values(), label, parts[at], who, standing.arms[at]])
    train, validation, test = (
        sum(part == name for part in parts.values()) for name in ("train", "validation", "test")
    )
    return Exported(
        path=str(path),
        rows=len(labelled),
        train=train,
        validation=validation,
        test=test,
        open=len(final) - len(labelled),
        target=target,
        split=split,
    )


def parts_of(labelled: Sequence[int], standing: Standing, queue: Queue) -> Mapping[int, str]:
    """The part of each row; a row stays in its part when more are labelled."""
    return {
        at: queue.part(at) if standing.arms[at] == RANDOM and queue.is_honest(at) else "train"
        for at in labelled
    }


def _rows_of(table: Any, positions: np.ndarray) -> Any:
    """Rows of a memory-mapped table as a table of their own."""
    arrays = [take(table.column(name), positions) for name in table.column_names]
    return pa.table(dict(zip(table.column_names, arrays, strict=True)))


def check_target(pool: Pool, target: str) -> None:
    """Raises DataError where the rows have a column of the target's name already."""
    if target in pool.source.columns:
        message = _(
            "{name}: has a column {target!r} already. Name the new one: --target NAME. "
            "(--prelabels {target} shows its values as pre-labels.)",
            name=pool.source.name,
            target=target,
        )
        raise DataError(message)


def _free(name: str, columns: Sequence[str]) -> str:
    while name in columns:
        name += "_"
    return name
