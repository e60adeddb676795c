"""Where results lie: one JSON file a key, each there whole or not at all, readable at any time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.core import atomic, disk

FOLDER = "cells"


class Store:
    """A folder of records. Several processes may read and write it at once."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def has(self, key: str) -> bool:
        """Whether the record of a key is there."""
        return self._path(key).is_file()

    def read(self, key: str) -> dict[str, Any]:
        """The record of a key; empty when there is none."""
        try:
            found: dict[str, Any] = json.loads(self._path(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Put a record there, whole; it outlives a loss of power."""
        text = json.dumps(record, ensure_ascii=False, indent=1, default=str) + "\n"
        self._put(self._path(key), text)

    def forget(self, key: str) -> None:
        """Take a record away."""
        self._path(key).unlink(missing_ok=True)

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every key with its record."""
        for path in sorted((self.root / FOLDER).glob("*.json")):
            yield path.stem, self.read(path.stem)

    def folder_of(self, key: str) -> Path:
        """A folder of its own for what a key leaves beside its record."""
        return self.root / FOLDER / key

    def write_table(self, name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
        """NAME.csv in the root, swapped in whole."""
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
