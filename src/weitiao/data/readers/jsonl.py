"""Jsonl files: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.data.files import encoding
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.values import kinds_of
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

LONGEST = 64_000_000  # characters of a line


class Jsonl(Reader):
    """Numbers stay numbers, lists become JSON text, a missing key is an empty cell."""

    endings: ClassVar[tuple[str, ...]] = ("jsonl", "ndjson")
    version: ClassVar[int] = 2

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")

    def read(self, path: Path) -> Reading:
        found = encoding.detect(path, self.encoding, "jsonl")
        # Two passes: the columns and their types are only known when every row has been seen.
        columns = kinds_of(one[1] for one in _objects(path, found) if not isinstance(one, Bad))
        if not columns:
            first = next((one for one in _objects(path, found) if isinstance(one, Bad)), None)
            if first is None:
                raise DataError(_("{file}: holds no row with a value.", file=path.name))
            raise DataError(placed(f"{path.name}:{first.line}", first.reason))
        return Reading(columns, batched(_objects(path, found)), tuple(found.notes))


def _objects(path: Path, found: encoding.Encoding) -> Iterator[Numbered | Bad]:
    with found.open(path) as file:
        for line, text in enumerate(file, 1):
            if text.strip("\ufeff \t\r\n\x1e"):
                value = row_of(text.strip("\ufeff \t\r\n\x1e"), clean=found.clean)
                if isinstance(value, str):
                    yield Bad(line, value, encoding.readable(text.strip()))
                else:
                    yield line, value


def row_of(text: str, *, clean: bool = True) -> dict[str, Any] | str:
    """The object in a line, or the reason why there is none."""
    reason = "" if clean else encoding.wrong_byte(text)
    if reason:
        return reason
    if len(text) > LONGEST:
        return _("longer than {limit:,} characters.", limit=LONGEST)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return _(
            "not JSON at character {place} ({reason}). Each line must be one whole JSON object.",
            place=error.pos + 1,
            reason=said(error.msg),
        )
    except (ValueError, RecursionError):
        return _("a number too long or nesting too deep for a row.")
    if not isinstance(value, dict):
        return _('not an object: each line must look like {{"text": "..."}}.')
    return value
