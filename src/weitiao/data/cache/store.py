"""The cache on disk: where reproducible files lie, and how they are written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weitiao.core import atomic
from weitiao.data.cache import leases

TAG = "CACHEDIR.TAG"  # known to programs that make backups: they leave such folders out
MARK = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A cache of weitiao: everything here can be made again. `weitiao cache` lists it.\n"
)


def root() -> Path:
    """The folder of the cache: $WEITIAO_CACHE or ~/.cache/weitiao, marked as ours.

    A folder that holds other things already gets a sub-folder: only what is ours is ever cleaned.
    """
    setting = os.environ.get("WEITIAO_CACHE")
    path = Path(setting).expanduser() if setting else Path.home() / ".cache" / "weitiao"
    # The mark is checked again after the content: another process may be making the folder now.
    if setting and not is_ours(path) and _holds_others(path) and not is_ours(path):
        path = path / "weitiao"
    if not is_ours(path):
        path.mkdir(parents=True, exist_ok=True)
        atomic.replace_text(path / TAG, MARK)
    return path


def is_ours(path: Path) -> bool:
    """Whether the folder carries our mark."""
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
    """The cache folder for `kind`, made when missing."""
    path = root() / kind
    path.mkdir(parents=True, exist_ok=True)
    return path


def entry_of(name: str) -> str:
    """What files that belong together have in common: the name up to its first dot.

    >>> entry_of("9a3f.arrow"), entry_of("9a3f.bad.json"), entry_of(".9a3f.arrow.812.00c0ffee")
    ('9a3f', '9a3f', '9a3f')
    """
    draft = atomic.SIBLING.fullmatch(name)
    return (draft[1] if draft else name).lstrip(".").partition(".")[0]


def hold(path: Path) -> None:
    """Keep an entry from being cleaned away until this process ends, and note its use."""
    base = root()
    try:
        kind, name, *_ = path.relative_to(base).parts
    except ValueError:  # no entry of the cache
        return
    leases.hold(base, f"{kind}/{entry_of(name)}")
    touch(path)


def touch(path: Path) -> None:
    """Note that an entry was used now."""
    with suppress(OSError):
        os.utime(path)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to (a file or a folder); it becomes the entry `path`."""
    hold(path)
    with atomic.replacing(path) as sibling:
        yield sibling


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A temporary sibling of an entry, gone at the end unless it was given another name."""
    hold(path)
    with atomic.temporary_sibling(path) as sibling:
        yield sibling
