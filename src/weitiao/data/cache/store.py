"""The on-disk cache: its folder (CACHEDIR.TAG) and atomic writes of its entries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weitiao.core import atomic, disk
from weitiao.data.cache import leases

TAG = "CACHEDIR.TAG"  # known to programs that make backups: they leave such folders out
MARK = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A cache of weitiao: everything here can be made again. `weitiao cache` lists it.\n"
)


def root() -> Path:
    """The cache directory: $WEITIAO_CACHE or ~/.cache/weitiao, marked by CACHEDIR.TAG as ours.

    A folder that holds other things already gets a sub-folder: only what is ours is ever cleaned.
    """
    setting = os.environ.get("WEITIAO_CACHE")
    path = Path(setting).expanduser() if setting else Path.home() / ".cache" / "weitiao"
    # The mark is checked again after the content: another process may be making the folder now.
    if setting and not is_ours(path) and _holds_others(path) and not is_ours(path):
        path = path / "weitiao"
    if not is_ours(path):
        with disk.writing(path):
            path.mkdir(parents=True, exist_ok=True)
            atomic.replace_text(path / TAG, MARK)
    return path


def is_ours(path: Path) -> bool:
    """Whether the folder has a CACHEDIR.TAG that names weitiao."""
    try:
        return "weitiao" in (path / TAG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _holds_others(path: Path) -> bool:
    try:
        return any(TAG not in name for name in os.listdir(path))
    except OSError:
        return False


def folder(kind: str) -> Path:
    """The cache folder for `kind`, created when missing."""
    path = root() / kind
    path.mkdir(parents=True, exist_ok=True)
    return path


def entry_of(name: str) -> str:
    """The entry that a cache file belongs to: its name up to the first dot.

    >>> entry_of("9a3f.arrow"), entry_of("9a3f.sums.json"), entry_of(".9a3f.arrow.812.00c0ffee")
    ('9a3f', '9a3f', '9a3f')
    """
    draft = atomic.SIBLING.fullmatch(name)
    return (draft[1] if draft else name).lstrip(".").partition(".")[0]


def hold(path: Path) -> None:
    """Protect an entry from eviction until this process ends (a lease), and note its use."""
    base = root()
    try:
        kind, name, *_ = path.relative_to(base).parts
    except ValueError:  # no entry of the cache
        return
    with disk.writing(base):
        leases.hold(base, f"{kind}/{entry_of(name)}")
    touch(path)


def touch(path: Path) -> None:
    """Set an entry's time of last use (mtime) to now."""
    # mtime, not atime: file systems mounted with noatime or relatime do not keep atime current.
    with suppress(OSError):
        os.utime(path)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Atomic write of the cache entry `path`: a temporary sibling, renamed at the end."""
    hold(path)
    with disk.writing(path), atomic.replacing(path) as sibling:
        yield sibling


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A temporary sibling of an entry, deleted at the end unless it was renamed."""
    hold(path)
    with disk.writing(path), atomic.temporary_sibling(path) as sibling:
        yield sibling
