"""Write-ahead journal of annotations: append-only JSON lines, on disk (fsync) before they count.

One process writes a journal at a time (a lock beside it). A kill may leave the last line torn: it
was never acknowledged, so it is cut off, and said.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from weitiao.core import atomic, disk
from weitiao.errors import DataError, RunError
from weitiao.i18n.messages import _

VERSION = 1
Record = Mapping[str, Any]


class Journal:
    """An open journal: its records so far, and `append`.

    torn: bytes of a torn last line that were cut off when it was opened.
    """

    def __init__(self, path: Path, *, write: bool = True) -> None:
        """Open or create a journal; not to write it, also while another process does.

        Raises RunError when another process has it open, DataError for what is no journal.
        """
        self.path, self.torn = path, 0
        self._lock, self._descriptor = threading.Lock(), -1
        if not write:
            self.records = read(path)
            return
        with disk.writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file_lock = FileLock(f"{path}.lock")
        try:
            self._file_lock.acquire(timeout=0)
        except Timeout:
            message = _(
                "{path}: another `weitiao annotate` has this journal open. Use its page, stop it "
                "first, or name another journal: --journal FILE",
                path=path,
            )
            raise RunError(message) from None
        try:
            self.records, self._size, self.torn = _parsed(path)
            new = not path.exists()
            with disk.writing(path):
                self._descriptor = os.open(
                    path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600
                )
                os.ftruncate(self._descriptor, self._size)
                if new and os.name != "nt":
                    atomic.to_disk(path.parent)  # the name itself must be on the disk
        except BaseException:
            self._file_lock.release()
            raise

    def append(self, record: Record) -> None:
        """Write a record and wait until it is on the disk.

        Raises OSError when the disk refuses; then nothing of the record is left in the file.
        """
        if self._descriptor < 0:
            raise RunError(_("{path}: this journal is not open for writing.", path=self.path))
        line = (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
        with self._lock:
            try:
                os.lseek(self._descriptor, self._size, os.SEEK_SET)
                written = 0
                while written < len(line):
                    count = os.write(self._descriptor, line[written:])
                    if not count:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    written += count
                os.fsync(self._descriptor)
            except OSError as error:
                # Half a line, or one whose fsync failed, must not be read back as an answer.
                os.ftruncate(self._descriptor, self._size)
                raise disk.named(error, self.path) from None
            self._size += len(line)
            self.records.append(dict(record))

    def close(self) -> None:
        """Close the file and release the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._file_lock.release()
            self._descriptor = -1


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a journal, also while a server writes it. Raises DataError."""
    if not path.is_file():
        raise DataError(
            _(
                "{path}: no such journal of annotations. `weitiao annotate ROWS --labels a,b` "
                "begins one; --journal names another.",
                path=path,
            )
        )
    return _parsed(path)[0]


def _parsed(path: Path) -> tuple[list[dict[str, Any]], int, int]:
    """Records, bytes of whole lines, bytes of a torn last line. Raises DataError."""
    if not path.exists():
        return [], 0, 0
    with disk.writing(path):
        content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    records = []
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or "kind" not in record:
            message = _(
                "{path}:{line}: this line is no record of annotations. Is it a journal? If it was "
                "damaged, restore it from a copy or remove the line.",
                path=path,
                line=number,
            )
            raise DataError(message)
        records.append(record)
    _check_header(path, records)
    return records, whole, len(content) - whole


def _check_header(path: Path, records: list[dict[str, Any]]) -> None:
    if not records:
        return
    header = records[0]
    if header["kind"] != "header" or not isinstance(header.get("version"), int):
        raise DataError(_("{path}: this is no journal of `weitiao annotate`.", path=path))
    if header["version"] > VERSION:
        message = _("{path}: was written by a newer version of weitiao: update it.", path=path)
        raise DataError(message)
