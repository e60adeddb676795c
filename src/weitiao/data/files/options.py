"""How rows are to be read: the reader and whether to set bad rows aside, from all who say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weitiao.core import dotted
from weitiao.data.files.table import Source, open_source

Paths = str | Sequence[str]
_OF_ONE_FILE = {"sheet", "header_row", "rows"}
_PACKED = {".gz", ".bz2", ".xz"}


@dataclass(frozen=True)
class How:
    """The reader with its settings (empty: found out), and what to do with bad rows."""

    reader: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    skip_bad: bool = False

    def changed(self, changes: Mapping[str, Any] | None) -> How:
        """The same with what changes of the plan say, e.g. {"data.reader.csv.header": False}."""
        from weitiao.planfile.sections import as_parts

        raw: dict[str, Any] = {"reader": {k: dict(v) for k, v in self.reader.items()}}
        for path, value in (changes or {}).items():
            if path.startswith("data."):
                dotted.put(raw, path.removeprefix("data."), value, as_parts)
        return How(as_parts(raw["reader"]), bool(raw.get("skip_bad", self.skip_bad)))

    def open(self, path: Paths) -> Source:
        """The rows. Raises DataError."""
        return open_source(path, self.reader, self.skip_bad)

    def open_other(self, path: Paths, like: Paths) -> Source:
        """Other rows, as a test file: read like `like` when they have the same ending.

        How a file is written goes for them too; the sheet and where the table begins do not.
        """
        if _ending(path) != _ending(like):
            return open_source(path, {}, self.skip_bad)
        reader = {
            name: {key: value for key, value in settings.items() if key not in _OF_ONE_FILE}
            for name, settings in self.reader.items()
        }
        return open_source(path, reader, self.skip_bad)


def _ending(path: Paths) -> str:
    first = Path(path if isinstance(path, str) else path[0] if path else "")
    return Path(first.stem).suffix if first.suffix in _PACKED else first.suffix
