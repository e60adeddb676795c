"""Checkpoint folders that were made from another format: kept in the cache, made when missing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weitiao.data.cache import store
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

ORIGIN = "source.json"  # what the folder was made from; written last


def folder_of(
    name: str,
    version: int,
    fill: Callable[[Path], None],
    told: Mapping[str, Any] | None = None,
) -> Path:
    """The kept folder `name`; `fill` makes it when it is not there, not whole or older.

    It is written whole or not at all; of two processes one makes it and the other waits. told:
    more to write down about its origin. Raises ModelError when it cannot be written.
    """
    from filelock import FileLock

    folder = store.folder("models") / name
    store.hold(folder)
    if _is_whole(folder, version):
        return folder
    try:
        with FileLock(folder.with_name(f"{name}.lock")):
            if not _is_whole(folder, version):
                _make(folder, version, fill, told or {})
    except OSError as error:
        raise ModelError(
            _(
                "{folder}: the converted weights cannot be written ({reason}); set WEITIAO_CACHE.",
                folder=str(error.filename or folder),
                reason=said(error),
            )
        ) from error
    return folder


def _make(
    folder: Path, version: int, fill: Callable[[Path], None], told: Mapping[str, Any]
) -> None:
    with store.draft(folder) as target:
        target.mkdir()
        fill(target)
        sizes = {path.name: path.stat().st_size for path in target.iterdir()}
        text = json.dumps({**told, "version": version, "bytes": sizes}, ensure_ascii=False)
        (target / ORIGIN).write_text(text + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(target, folder)


def _is_whole(folder: Path, version: int) -> bool:
    """Whether every file is there in the size it was written with."""
    try:
        origin = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
        sizes = origin["bytes"].items()
        return origin["version"] == version and all(
            (folder / name).stat().st_size == size for name, size in sizes
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
