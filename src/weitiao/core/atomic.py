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
from contextlib import contextmanager
from pathlib import Path

SIBLING = re.compile(r"\.(.+)\.\d+\.[0-9a-f]{8}")  # .NAME.PROCESS.RANDOM


@contextmanager
def temporary_sibling(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file or folder to; deleted at the end unless renamed."""
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
    """A temporary sibling to write to (a file or a folder); it takes the name `path` at the end.

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
    """Write a text file in UTF-8, its line ends as they are.

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
    """A new folder NAME.new to fill, which then takes the place of the folder `path` as a whole.

    A folder that is not empty cannot be replaced by one rename, so the old one steps aside as
    NAME.old first. Killed at any moment, the old or the new one is there, after `repair_folder`.
    """
    new, old = (path.with_name(path.name + end) for end in (".new", ".old"))
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    yield new
    # All content must be on the disk before the name points to it.
    for file in new.rglob("*"):
        if file.is_file():
            to_disk(file)
    to_disk(new)
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    new.rename(path)
    to_disk(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def repair_folder(path: Path) -> None:
    """Undo or finish a swap of the folder `path` that a kill cut short."""
    new, old = (path.with_name(path.name + end) for end in (".new", ".old"))
    if not path.exists() and old.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)


def remove_siblings(folder: Path) -> None:
    """Delete what kills in the middle of a write have left in a folder nobody else writes to."""
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
