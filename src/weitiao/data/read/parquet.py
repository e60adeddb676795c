"""Parquet files, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from weitiao.data.read.base import BATCH_ROWS, Numbered, Reader, Reading
from weitiao.data.values import INTEGER, NUMBER, TEXT
from weitiao.errors import DataError


class Parquet(Reader):
    """Whole numbers and numbers keep their type, all else becomes text. Lines count rows from 1."""

    endings: ClassVar[tuple[str, ...]] = ("parquet", "pq")

    def read(self, path: Path) -> Reading:
        import pyarrow.parquet

        try:
            file = pyarrow.parquet.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path.name}: cannot be read as parquet: {error}") from None
        if file.metadata.num_rows == 0:
            raise DataError(f"{path.name}: holds no row.")
        columns = {field.name: _kind(field.type) for field in file.schema_arrow}
        return Reading(columns, _batches(file))


def _batches(file: Any) -> Iterator[list[Numbered]]:
    line = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        rows = batch.to_pylist()
        yield [(line + i, row) for i, row in enumerate(rows, 1)]
        line += len(rows)


def _kind(kind: Any) -> Any:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return INTEGER
    return NUMBER if pa.types.is_floating(kind) else TEXT
