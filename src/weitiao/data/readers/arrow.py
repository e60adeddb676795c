"""Arrow files: IPC files and streams, Feather; what `datasets` keeps on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from weitiao.core import disk
from weitiao.data.files import arrow_types
from weitiao.data.readers.base import BATCH_ROWS, Reader, Reading


class Arrow(Reader):
    """Whole numbers and numbers keep their type, all else becomes text. Lines count rows from 1."""

    endings: ClassVar[tuple[str, ...]] = ("arrow", "feather", "ipc")
    version: ClassVar[int] = 2

    def read(self, path: Path) -> Reading:
        try:
            table = _table(path)
        except arrow_types.BROKEN as error:
            raise arrow_types.broken(path.name, "Arrow", error) from None
        return arrow_types.reading(table.schema, _batches(table), path.name, "Arrow")


def _table(path: Path) -> Any:
    with path.open("rb") as file:
        mark = file.read(6)
    if mark.startswith(b"FEA1"):
        import pyarrow.feather

        return pyarrow.feather.read_table(disk.plain(path))
    with pa.memory_map(disk.plain(path)) as source:
        opened = pa.ipc.open_file if mark == b"ARROW1" else pa.ipc.open_stream
        return opened(source).read_all()


def _batches(table: Any) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=BATCH_ROWS)
