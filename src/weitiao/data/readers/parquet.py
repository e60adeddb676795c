"""Parquet files, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from weitiao.core import disk
from weitiao.data.files import arrow_types
from weitiao.data.readers.base import BATCH_ROWS, Reader, Reading
from weitiao.errors import DataError
from weitiao.i18n.messages import _


class Parquet(Reader):
    """Whole numbers and numbers keep their type, all else becomes text. Lines count rows from 1."""

    endings: ClassVar[tuple[str, ...]] = ("parquet", "pq")
    version: ClassVar[int] = 3

    def read(self, path: Path) -> Reading:
        import pyarrow.parquet

        try:
            file = pyarrow.parquet.ParquetFile(disk.plain(path))
            schema, rows = file.schema_arrow, file.metadata.num_rows
        except arrow_types.BROKEN as error:
            raise arrow_types.broken(path.name, "Parquet", error) from None
        if rows == 0:
            raise DataError(_("{file}: holds no row.", file=path.name))
        return arrow_types.reading(schema, _batches(file), path.name, "Parquet")


def _batches(file: Any) -> Iterator[pa.RecordBatch]:
    yield from file.iter_batches(batch_size=BATCH_ROWS)
