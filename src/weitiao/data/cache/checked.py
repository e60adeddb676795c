"""Checksums of cache entries: what is damaged on the disk is noticed, made again, and said."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weitiao.core import disk, fingerprint
from weitiao.data.cache import store
from weitiao.i18n.messages import _

Sums = dict[str, list[int]]  # name of a file -> its size in bytes and CRC-32

_fitting: set[tuple[Any, ...]] = set()  # files of this process that were found whole
_remarks: list[str] = []


class DamagedError(ValueError):
    """An entry does not have the content that was written."""


def sums_of(paths: Iterable[Path]) -> Sums:
    """Size and checksum of files, by name."""
    return {path.name: [path.stat().st_size, _crc32(path)] for path in paths}


def check(folder: Path, sums: Any) -> None:
    """Raise DamagedError unless the files in the folder have these sizes and checksums; a file that
    does not change is read once a process."""
    if not isinstance(sums, dict):
        raise DamagedError("no checksums")
    for name, expected in sums.items():
        path = folder / str(name)
        try:
            stat = path.stat()
        except OSError:
            raise DamagedError(f"{name} is missing") from None
        state = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, str(expected))
        if state in _fitting:
            continue
        # CRC-32 finds what disks and killed writers do; who may write here could replace the sums.
        if [stat.st_size, _crc32(path)] != expected:
            raise DamagedError(f"{name} has changed")
        _fitting.add(state)


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(fingerprint.CHUNK_BYTES):
            value = zlib.crc32(chunk, value)
    return value


def write_json(path: Path, values: Any) -> None:
    """Write values with a checksum, as one entry of the cache."""
    with store.written(path) as sibling:
        put_json(sibling, values)


def put_json(path: Path, values: Any) -> None:
    """Write values with a checksum into a file that nobody else sees yet."""
    text = json.dumps(values)
    path.write_text(
        json.dumps({"check": fingerprint.of_text(text), "values": values}), encoding="utf-8"
    )


def read_json(path: Path) -> Any:
    """The values that `write_json` wrote. Raises OSError when there are none, and DamagedError when
    they are not whole."""
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
        values = content["values"]
        if content["check"] == fingerprint.of_text(json.dumps(values)):
            return values
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DamagedError(f"{os.fspath(path)} has changed")


def made_again(path: Path) -> None:
    """Note that a damaged entry was made again, for `remarks`."""
    text = _("{path}: damaged in the cache; it is rebuilt.", path=str(path))
    if text not in _remarks:
        _remarks.append(text)


def without(path: Path, error: OSError) -> None:
    """Note that an entry was not written, for `remarks`."""
    _remarks.append(
        _(
            "{reason} It goes on without the cache.",
            reason=disk.explanation(disk.named(error, path)),
        )
    )


def remarks() -> list[str]:
    """What was noticed since the last call, for the user."""
    told = list(_remarks)
    _remarks.clear()
    return told
