"""Folder reader: one sub-folder a label, one file a text (as in IMDb's movie reviews)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from weitiao.data.files import encoding, find
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT
from weitiao.data.files.table import ID
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural

MAX_BYTES = 16_000_000  # of a file; a longer one is no text of one row


class Folder(Reader):
    """Columns text and label. The id of a row is its file: pos/12.txt."""

    encoding: str | None = None

    def read(self, path: Path) -> Reading:
        shape = find.folder_shape(path, set(), path.name)
        notes = []
        if shape.other:
            notes.append(
                _("{files} left aside: no text of a label", files=plural(shape.other, "file"))
            )
        without = [label for label in shape.labels if label.lower() in find.UNLABELLED]
        if without:
            notes.append(
                _("the texts in {folder} are taken as texts without a label", folder=without[0])
            )
        # Notes come before the rows, but which encodings there are is known after the last one. So
        # texts are read twice; the second time they come from the page cache.
        used = Counter(name for name, _ in self._texts(shape) if name)
        others = [name for name in used if name != "utf-8-sig"]
        if others:
            names = ", ".join(f"{encoding.shown(name)} ({used[name]:,})" for name in others)
            notes.append(_("texts that are not UTF-8 were read as {encodings}", encodings=names))
        return Reading(
            {"text": TEXT, "label": TEXT, ID: TEXT},
            batched(row for _, row in self._texts(shape)),
            tuple(notes),
        )

    def _texts(self, shape: find.Shape) -> Iterator[tuple[str, Numbered | Bad]]:
        line = 0
        for label, files in shape.labels.items():
            target = None if label.lower() in find.UNLABELLED else label
            for file in files:
                line += 1
                where = f"{label}/{file.name}"
                try:
                    name, text = _text(file, self.encoding)
                except DataError as error:
                    yield "", Bad(line, str(error).partition(": ")[2], id=where)
                    continue
                yield name, (line, {"text": text, "label": target, ID: where})


def _text(file: Path, setting: str | None) -> tuple[str, str]:
    if file.stat().st_size > MAX_BYTES:
        raise DataError(_("{file}: too long for one text.", file=file.name))
    raw = file.read_bytes()
    if not raw.strip():
        return "", ""
    name = encoding.of_bytes(raw, file.name, setting)
    try:
        text = raw.decode(name)
    except UnicodeError:
        raise DataError(
            _("{file}: not {encoding}.", file=file.name, encoding=encoding.shown(name))
        ) from None
    if "\0" in text:
        raise DataError(_("{file}: holds a NUL character.", file=file.name))
    return name, text.replace("\r\n", "\n").strip()
