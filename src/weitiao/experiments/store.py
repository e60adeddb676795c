"""Result store: one JSON file per key, written atomically, readable while others write."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from weitiao.core import atomic, disk

FOLDER = "cells"


@dataclass(frozen=True)
class Record:
    """The result of a cell, as its file in the store holds it."""

    state: str = "missing"  # missing, done, failed
    recipe: str = ""
    data: str = ""
    seed: int | None = None
    method: str = ""
    split: str = ""
    error: str = ""  # why it failed
    metric: str = ""  # the primary one
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: int | None = None  # evaluated
    seconds: float | None = None

    @property
    def done(self) -> bool:
        return self.state == "done"

    @property
    def failed(self) -> bool:
        return self.state == "failed"

    def plain(self) -> dict[str, Any]:
        """The fields that have a value, for JSON."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", {})}


class Store:
    """A folder of records. Several processes may read and write it at once."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def has(self, key: str) -> bool:
        """Whether there is a record of a key."""
        return self._path(key).is_file()

    def read(self, key: str) -> dict[str, Any]:
        """The record of a key as plain values; empty when there is none."""
        try:
            record: dict[str, Any] = json.loads(self._path(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return record

    def record(self, key: str) -> Record:
        """The record of a cell; its state is "missing" when there is none."""
        # Unknown fields are dropped: stores of 0.1 say `judge` for split, later ones may say more.
        names = {one.name for one in fields(Record)}
        return Record(**{name: value for name, value in self.read(key).items() if name in names})

    def write(self, key: str, record: Record | Mapping[str, Any]) -> None:
        """Write a record atomically; once written it survives a power failure."""
        plain = record.plain() if isinstance(record, Record) else record
        text = json.dumps(plain, ensure_ascii=False, indent=1, default=str) + "\n"
        self._put(self._path(key), text)

    def forget(self, key: str) -> None:
        """Remove a record."""
        self._path(key).unlink(missing_ok=True)

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All keys with their records as plain values."""
        for path in sorted((self.root / FOLDER).glob("*.json")):
            yield path.stem, self.read(path.stem)

    def folder_of(self, key: str) -> Path:
        """The folder for files that belong to a key."""
        return self.root / FOLDER / key

    def write_table(self, name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
        """Write NAME.csv into the root, atomically."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
        self._put(self.root / f"{name}.csv", text.getvalue())
        return self.root / f"{name}.csv"

    def _path(self, key: str) -> Path:
        return self.root / FOLDER / f"{key}.json"

    def _put(self, path: Path, text: str) -> None:
        with disk.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.replace_text(path, text, durable=True)
