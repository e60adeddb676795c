"""Jsonl files: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from weitiao.data import encoding
from weitiao.data.read.base import Numbered, Reader, Reading, batched
from weitiao.data.values import kinds_of
from weitiao.errors import DataError


class Jsonl(Reader):
    """Numbers stay numbers, lists become JSON text, a missing key is an empty cell."""

    endings: ClassVar[tuple[str, ...]] = ("jsonl", "ndjson")

    def read(self, path: Path) -> Reading:
        name, notes = encoding.detect(path)
        # Two passes: the columns and their types are only known when every row has been seen.
        columns = kinds_of(row for _, row in _objects(path, name))
        if not columns:
            raise DataError(f"{path.name}: holds no row with a value.")
        return Reading(columns, batched(_objects(path, name)), tuple(notes))


def _objects(path: Path, name: str) -> Iterator[Numbered]:
    with path.open(encoding=name) as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                yield line, _object(text, f"{path.name}:{line}")


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where}: not JSON at character {error.pos + 1} ({error.msg}). "
            "Each line must be one whole JSON object."
        ) from None
    except (ValueError, RecursionError):
        raise DataError(f"{where}: a number too long or nesting too deep for a row.") from None
    if not isinstance(value, dict):
        raise DataError(f'{where}: not an object: each line must look like {{"text": "..."}}.')
    return value
