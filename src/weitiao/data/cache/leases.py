"""Leases on cache entries by file locks: cleaning skips what a living process has opened.

A process writes the names of what it opens into a list of its own in leases/, next to a lock file
that the system releases when the process ends, even by a kill. A process that can acquire this lock
knows that its owner is dead and the list void. The global lock (`guarded`) is held for moments
only: to add a name, or to rename entries that nobody has named.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

FOLDER = "leases"
WAIT = 20.0  # seconds; the guard is held for moments, so somebody is stuck then


@dataclass(frozen=True)
class _Lease:
    lock: BaseFileLock
    listed: Path
    names: set[str]


_mine: dict[tuple[int, Path], _Lease] = {}  # by process: a forked child needs its own


@contextmanager
def guarded(root: Path) -> Iterator[None]:
    """Hold the global lock of the cache: no other process adds leases or removes entries.

    Raises OSError, Timeout.
    """
    with FileLock(root / ".lock", timeout=WAIT, poll_interval=0.01):
        yield


def hold(root: Path, name: str) -> None:
    """Take a lease on a cache entry until this process ends.

    A folder that cannot be written cannot be cleaned either: no lease is needed then.
    """
    key = (os.getpid(), root)
    known = _mine.get(key)
    # The fast path without a lock. The list is checked, since `rm -r` of the whole cache while we
    # run takes our lease with it.
    if known and name in known.names and known.listed.exists():
        return
    with suppress(OSError, Timeout), guarded(root):
        lease = _mine.get(key)
        if lease is None or not lease.listed.exists():  # the first, or somebody removed the folder
            lease = _mine[key] = _new(root, lease.names if lease else set())
        with lease.listed.open("a", encoding="utf-8") as file:
            file.write(name + "\n")
        lease.names.add(name)


def held(root: Path) -> set[str]:
    """Names under a lease of a living process; leases of dead ones are removed. Call it guarded."""
    own = _mine.get((os.getpid(), root))
    names = set(own.names) if own else set()
    for lock in sorted((root / FOLDER).glob("*.lock")):
        listed = lock.with_suffix(".txt")
        if own and listed == own.listed:
            continue
        if _is_alive(lock):
            with suppress(FileNotFoundError):
                names |= set(listed.read_text(encoding="utf-8").splitlines())
        else:
            for path in (listed, lock):
                with suppress(OSError):
                    path.unlink()
    return names


def _new(root: Path, names: set[str]) -> _Lease:
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    called = f"{os.getpid()}-{secrets.token_hex(4)}"
    lock = FileLock(folder / f"{called}.lock")
    lock.acquire()
    listed = folder / f"{called}.txt"
    listed.write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")
    return _Lease(lock, listed, set(names))


def _is_alive(lock: Path) -> bool:
    # A lock, not a process id in a file: ids are given out again, and mean nothing on the other
    # machines of a shared file system.
    try:
        with FileLock(lock, timeout=0):
            return False
    except (Timeout, PermissionError):  # held, or another user's
        return True
