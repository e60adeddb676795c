"""doccano reader: JSON lines (or a list) whose spans count UTF-16 code units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from weitiao.data.files import doccano, encoding
from weitiao.data.files.bad_rows import Bad
from weitiao.data.readers.base import Numbered, Reader, Reading
from weitiao.data.readers.json import numbered_rows, reading_of
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, plural

_LABELS = ("label", "labels")


class Doccano(Reader):
    """Columns text and label; a row without a label has none, labels are lists once one row has
    more than one.

    Chosen by name only: a file that ends in .jsonl is read as JSON lines by itself.
    """

    endings: ClassVar[tuple[str, ...]] = ()

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    offsets: Literal["utf-16", "characters"] = Field(
        "utf-16", description="what places of spans count: utf-16 (doccano's own) or characters"
    )

    def read(self, path: Path) -> Reading:
        detected = encoding.detect(path, self.encoding, "jsonl")
        notes = list(detected.notes)
        rows = list(_plain(numbered_rows(path, detected), self.offsets == "utf-16"))
        good = [row for _line, row in (one for one in rows if not isinstance(one, Bad))]
        first = next((one for one in rows if isinstance(one, Bad)), None)
        if first is not None and not good:
            raise DataError(placed(f"{path.name}:{first.line}", first.reason))
        if relations := sum(bool(row.get("relations")) for row in good):
            notes.append(
                _(
                    "relations between spans are no targets here; {rows} have some",
                    rows=plural(relations, "row"),
                )
            )
        for key in _LABELS:
            _alike(good, key)
        return reading_of(rows, path.name, notes)


def _plain(rows: Iterator[Numbered | Bad], utf16: bool) -> Iterator[Numbered | Bad]:
    for one in rows:
        if isinstance(one, Bad):
            yield one
            continue
        number, row = one
        try:
            yield number, doccano.plain(row, utf16)
        except ValueError as error:
            yield Bad(number, str(error), str(row)[:1000])


def _alike(rows: Sequence[Any], key: str) -> None:
    """Single labels as texts where no row has two; an empty list among them is no label."""
    lists = [row[key] for row in rows if isinstance(row.get(key), list)]
    if not any(lists) or not all(isinstance(one, str) for labels in lists for one in labels):
        return
    single = max(map(len, lists)) == 1
    for row in rows:
        labels = row.get(key)
        if isinstance(labels, list) and single:
            row[key] = labels[0] if labels else None
