"""Atomic writes: a file or folder appears under its name whole or not at all.

The content goes to a temporary sibling (on the same file system, so that a rename is atomic) which
then takes the name. After a kill the old content is there, and at most a sibling is left behind.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

SIBLING = re.compile(r"\.(.+)\.\d+\.[0-9a-f]{8}")  # .NAME.PROCESS.RANDOM


@contextmanager
def temporary_sibling(path: Path) -> Iterator[Path]:
    """A temporary path next to `path`, for a file or folder; deleted at the end unless renamed."""
    # Process number and random digits: no two writers, nor two threads of one, share a sibling.
    sibling = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        yield sibling
    finally:
        if sibling.is_dir():
            shutil.rmtree(sibling, ignore_errors=True)
        else:
            sibling.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Atomic write of a file or folder: a temporary sibling that takes the name `path` at the end.

    When the body raises, nothing is left behind. Two processes may write the same thing at once:
    both hold the same content, so it does not matter whose copy stays.
    """
    with temporary_sibling(path) as sibling:
        yield sibling
        try:
            os.replace(sibling, path)
        except PermissionError:  # Windows: another process has finished first and reads its file
            if not (os.name == "nt" and path.is_file()):
                raise
        except OSError:  # a folder that another process has finished first
            if not (sibling.is_dir() and path.is_dir()):
                raise


def replace_text(path: Path, text: str, *, errors: str = "strict", durable: bool = False) -> None:
    """Atomic write of a UTF-8 text file; line ends are not translated.

    errors: what becomes of lone surrogates, as in str.encode. durable: wait until the content is
    on the disk, so that a power cut cannot leave an empty file under the new name.
    """
    with replacing(path) as sibling, sibling.open("wb") as file:
        file.write(text.encode("utf-8", errors))
        if durable:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def swapping_folder(path: Path) -> Iterator[Path]:
    """Atomic swap of the folder `path` with a new one: NAME.new is filled, then renamed.

    A folder that is not empty cannot be replaced by one rename, so the old one steps aside as
    NAME.old first. Killed at any moment, the old or the new one is there, after `repair_folder`.
    """
    yield _emptied(path)
    _swap(path)


def _new_and_old(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + ".new"), path.with_name(path.name + ".old")


def _emptied(path: Path) -> Path:
    """The folder NAME.new, empty."""
    new, _old = _new_and_old(path)
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    return new


def _swap(path: Path) -> None:
    """NAME.new takes the name."""
    new, old = _new_and_old(path)
    # All content must be on the disk before the name points to it.
    for file in new.rglob("*"):
        if file.is_file():
            to_disk(file)
    to_disk(new)
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    new.rename(path)
    # A rename is durable only once the directory that holds the names is on the disk.
    to_disk(path.parent)
    shutil.rmtree(old, ignore_errors=True)


class BackgroundSwap:
    """Swaps of one folder, as `swapping_folder`, whose content a thread waits for: a disk takes
    seconds for hundreds of megabytes, and needs no processor meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1)  # starts with the first swap
        self._swap: Future[None] | None = None

    @contextmanager
    def filling(self) -> Iterator[Path]:
        """NAME.new, to be filled; it takes the name after the body, at the latest in `wait`."""
        self.wait()
        yield _emptied(self.path)
        self._swap = self._thread.submit(_swap, self.path)

    def wait(self) -> None:
        """Wait until the last content has its name; raises the OSError of the disk. Interrupted
        (Ctrl-C), the next call waits for the same content: the thread is still at work on it."""
        if swap := self._swap:
            try:
                swap.result()
            finally:
                if swap.done():
                    self._swap = None


def repair_folder(path: Path) -> None:
    """Roll back or finish a folder swap that a kill cut short."""
    new, old = _new_and_old(path)
    # Killed between the two renames: only NAME.old is whole for certain, since NAME.new may be half
    # filled by a later swap that was killed too.
    if not path.exists() and old.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)


def remove_siblings(folder: Path) -> None:
    """Delete temporary siblings that killed writers left, in a folder nobody else writes to."""
    for path in folder.iterdir():
        if SIBLING.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
