"""Csv files: comma, semicolon, tab or bar between fields; also .txt files, by looking."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from weitiao.data import delimited
from weitiao.data.read.base import Reader, Reading, batched
from weitiao.data.values import TEXT


class Csv(Reader):
    """Rows with a header line. All values stay texts."""

    endings: ClassVar[tuple[str, ...]] = ("csv", "txt")
    usual: ClassVar[str] = ","

    def read(self, path: Path) -> Reading:
        dialect, header, notes = delimited.look(path, self.usual)
        rows = (
            (line, dict(zip(header, fields, strict=True)))
            for line, fields in delimited.rows(path, dialect, len(header))
        )
        return Reading(dict.fromkeys(header, TEXT), batched(rows), tuple(notes))
