"""Archives, compressed files and folders: what is inside, as files that can be read.

What an archive holds is unpacked beside the cache, read, and thrown away; a small list says which
kept tables it became. Archives are met as if made in ill will: limits on size and ratio, no path
that leads outside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.data.cache import store
from weitiao.data.files import archive, find, folders
from weitiao.data.files.detect import endings, packing, reader_for
from weitiao.data.files.table import VERSION, Piece, kept_piece, piece_again
from weitiao.data.readers.base import Reader
from weitiao.errors import DataError
from weitiao.i18n.messages import _, pack, restore

Given = Mapping[str, Mapping[str, Any]]


def pieces_of(path: Path, name: str, reader: Given, skip_bad: bool) -> list[Piece]:
    """The rows of a file; of each file, when it is a folder or an archive."""
    if path.is_dir():
        return _of_folder(path, name, reader, skip_bad)
    kind = packing(path)
    if kind:
        return _of_archive(path, name, kind, reader, skip_bad)
    content = find.content_of(path)
    return [_piece(path, name, content, reader, skip_bad)]


def _piece(path: Path, name: str, content: str, given: Given, skip_bad: bool) -> Piece:
    chosen, reader, notes = reader_for(path, given)
    how = _how(chosen, reader)
    return kept_piece(name, content, how, lambda: reader.read(path), skip_bad, notes)


def _how(name: str, reader: Reader) -> str:
    told = [name, reader.version, parts.origin("readers", name), reader.model_dump(mode="json")]
    return json.dumps(told, sort_keys=True)


def _of_folder(path: Path, name: str, given: Given, skip_bad: bool) -> list[Piece]:
    """Sub-folders of texts, one a label, as one piece; else every file with rows, as it is."""
    shape = folders.look(path, set(endings()), name)
    if shape.labels:
        reader = parts.build("readers", "folder", given.get("folder", {}))
        content = folders.content_of(path, shape)
        how = _how("folder", reader)
        return [kept_piece(name, content, how, lambda: reader.read(path), skip_bad)]
    given = {key: value for key, value in given.items() if key != "folder"}
    shown = [f"{name}/{file.relative_to(path).as_posix()}" for file in shape.tables]
    return [
        piece
        for file, each in zip(shape.tables, shown, strict=True)
        for piece in pieces_of(file, each, given, skip_bad)
    ]


def _of_archive(path: Path, name: str, kind: str, given: Given, skip_bad: bool) -> list[Piece]:
    content = find.content_of(path)
    how = [name, kind, {key: dict(value) for key, value in given.items()}, skip_bad, VERSION]
    listed = store.folder("rows") / f"{content}-{fingerprint.of_texts(json.dumps(how))}.json"
    remembered = _remembered(listed)
    if remembered is not None:
        return remembered
    with store.draft(store.folder("unpacked") / "archive") as inside:
        archive.unpack(path, kind, inside)
        pieces = _inside(inside, name, kind, given, skip_bad)
    with store.written(listed) as sibling:
        told = [[p.name, p.content, p.kept, pack(p.said)] for p in pieces]
        sibling.write_text(json.dumps(told), encoding="utf-8")
    return pieces


def _inside(inside: Path, name: str, kind: str, given: Given, skip_bad: bool) -> list[Piece]:
    while (deeper := folders.holds_one_folder(inside)) is not None:
        inside = deeper
    only = folders.holds_one_file(inside)
    if only is None:
        return _of_folder(inside, name, given, skip_bad)
    if packing(only):
        raise DataError(_("{file}: holds an archive again: unpack the outer one.", file=name))
    shown = f"{name}/{only.name}" if kind == "zip" else name
    return [_piece(only, shown, find.hash_of(only), given, skip_bad)]


def _remembered(listed: Path) -> list[Piece] | None:
    try:
        told: Sequence[Any] = json.loads(listed.read_text(encoding="utf-8"))
        return [
            piece_again(name, content, kept, [*map(restore, said)])
            for name, content, kept, said in told
        ]
    except (OSError, ValueError, TypeError):
        return None  # not there, or gone from the cache: unpacked again
