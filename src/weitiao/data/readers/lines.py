"""Reader of plain texts, one a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from weitiao.data.files import encoding
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT
from weitiao.data.files.delimited import is_line_end
from weitiao.data.readers.base import Numbered, Reader, Reading, batched

COLUMN = "text"


class Lines(Reader):
    """A text on each line, also an empty one between others: no header, delimiter or quotation
    mark means anything."""

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")

    def read(self, path: Path) -> Reading:
        detected = encoding.detect(path, self.encoding, "lines")
        return Reading({COLUMN: TEXT}, batched(_rows(path, detected)), (*detected.notes,))


def _rows(path: Path, detected: encoding.Encoding) -> Iterator[Numbered | Bad]:
    empty: list[int] = []  # lines: rows, where a text comes behind them
    last = ""
    with detected.open(path) as file:
        for number, line in enumerate(file, 1):
            text = line.rstrip("\r\n")
            if not text.strip():
                if not is_line_end(last, line):
                    empty.append(number)
                last = line
                continue
            last = line
            yield from ((at, {COLUMN: ""}) for at in empty)
            empty.clear()
            reason = "" if detected.clean else encoding.wrong_byte(text)
            yield (
                Bad(number, reason, encoding.readable(text)) if reason else (number, {COLUMN: text})
            )
