"""Cache eviction, least recently used first: never an entry in use, never outside the cache."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from weitiao.core import atomic
from weitiao.core.units import bytes_of
from weitiao.data.cache import leases, store
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import N_, _

LIMIT = "WEITIAO_CACHE_LIMIT"
USUAL_LIMIT = "20GB"
AT_ONCE = 200  # entries taken away in one go; others wait meanwhile
FROM_PYTHON = "given"  # rows that only a Python program had: never pruned unasked
ABOUT = {
    "rows": N_("rows of files, read"),
    "given": N_("rows given in Python"),
    "steps": N_("rows after the plan's steps"),
    "encoded": N_("rows as numbers of tokens"),
    "vectors": N_("vectors of texts by frozen encoders"),
    "hashes": N_("what unchanged files hashed to"),
    "models": N_("checkpoints made from other formats"),
    "unpacked": N_("archives being read"),
    "probe": N_("what this machine is fastest with"),
    "words": N_("the dictionary of Chinese words"),
}


@dataclass(frozen=True)
class Entry:
    """A cache entry: files that are used and removed together."""

    kind: str
    name: str
    paths: tuple[Path, ...]
    size: int  # bytes
    used: float  # seconds since 1970
    leftover: bool = False  # what a process that died has left half done

    @property
    def key(self) -> str:
        """Key of the entry in lease files."""
        return f"{self.kind}/{self.name}"


@dataclass
class Cleaned:
    """Result of an eviction: entries removed, and entries that stay because they are in use."""

    entries: list[Entry] = field(default_factory=list)
    in_use: list[Entry] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes set free."""
        return sum(entry.size for entry in self.entries)


def entries(root: Path) -> list[Entry]:
    """List all cache entries by kind. Links are skipped: what they lead to is not ours."""
    result = []
    for folder in sorted(_folders(root)):
        groups: dict[tuple[str, bool], list[os.DirEntry[str]]] = {}
        for item in _listed(folder):
            if not _is_link(item):
                key = (store.entry_of(item.name), bool(atomic.SIBLING.fullmatch(item.name)))
                groups.setdefault(key, []).append(item)
        for (name, draft), items in sorted(groups.items()):
            stats = [_look(Path(item.path)) for item in items]
            paths = tuple(sorted(Path(item.path) for item in items))
            size, used = sum(size for size, _ in stats), max(used for _, used in stats)
            result.append(Entry(folder.name, name, paths, size, used, draft))
    return result


def kinds(entries: Sequence[Entry]) -> list[dict[str, object]]:
    """Summary of the cache by kind: number of entries, bytes, last use."""
    lines: list[dict[str, object]] = []
    for kind in dict.fromkeys(entry.kind for entry in entries):
        mine = [entry for entry in entries if entry.kind == kind]
        lines.append(
            {
                "kind": kind,
                "about": ABOUT.get(kind, ""),
                "entries": len(mine),
                "bytes": sum(entry.size for entry in mine),
                "used": max(entry.used for entry in mine),
                "leftovers": sum(entry.leftover for entry in mine),
            }
        )
    return lines


def choose(
    entries: Sequence[Entry],
    kind: str | None = None,
    older: float | None = None,
    keep: int | None = None,
) -> list[Entry]:
    """Choose entries to evict, the least recently used first; leftovers always.

    kind: only of this kind; older: unused for so many seconds; keep: until so many bytes are left.
    """
    now = time.time()
    mine = sorted((e for e in entries if kind in (None, e.kind)), key=lambda entry: entry.used)
    taken = [entry for entry in mine if entry.leftover]
    left = sum(entry.size for entry in mine if not entry.leftover)
    for entry in mine:
        young = older is not None and now - entry.used < older
        if entry.leftover or young or (keep is not None and left <= keep):
            continue
        taken.append(entry)
        left -= entry.size
    return taken


def clean(
    root: Path, chosen: Iterable[Entry], step: Callable[[int], None] | None = None
) -> Cleaned:
    """Remove entries that nobody uses; `step(number)` reports progress.

    Each is renamed under the global lock and deleted afterwards: a reader finds it whole or not at
    all. Raises WeitiaoError when the folder is not ours.
    """
    if not store.is_ours(root):
        raise WeitiaoError(
            _("{folder}: not a cache of weitiao ({tag} is missing).", folder=root, tag=store.TAG)
        )
    done, waiting = Cleaned(), list(chosen)
    for start in range(0, len(waiting), AT_ONCE):
        some = waiting[start : start + AT_ONCE]
        doomed: list[Path] = []
        # Renaming is instant, deleting gigabytes is not: other processes wait for the rename only.
        with leases.guarded(root):
            held = leases.held(root)
            for entry in some:
                away = None if entry.key in held else _renamed(entry)
                (done.in_use if away is None else done.entries).append(entry)
                doomed += away or []
        for path in doomed:
            _delete(path)
        if step:
            step(len(some))
    return done


def prune() -> str:
    """Evict least recently used entries above the size limit; a message about it, or ""."""
    root, limit = store.root(), limit_now()
    present = [entry for entry in entries(root) if entry.kind != FROM_PYTHON]
    if limit is None or sum(entry.size for entry in present) <= limit:
        return ""
    try:
        done = clean(root, choose(present, keep=limit))
    except (OSError, Timeout):  # not writable, or somebody is stuck: the next run tries again
        return ""
    if not done.entries:
        return ""
    from rich.filesize import decimal

    return _(
        "the cache was above {limit}: {size} that were unused for the longest removed",
        limit=decimal(limit),
        size=decimal(done.size),
    )


def limit_now() -> int | None:
    """Size limit of the cache in bytes after a run: $WEITIAO_CACHE_LIMIT; None is no limit."""
    setting = os.environ.get(LIMIT) or USUAL_LIMIT
    if setting.strip().lower() in ("off", "none"):
        return None
    return bytes_of(setting, LIMIT)


def _folders(root: Path) -> Iterator[Path]:
    """Folders of the kinds of entries, without links that lead elsewhere."""
    base = os.path.realpath(root)
    for item in _listed(root):
        ours = item.name not in (leases.FOLDER,) and not item.name.startswith(".")
        if ours and item.is_dir() and os.path.realpath(item.path) == os.path.join(base, item.name):
            yield Path(item.path)


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError:
        return []


def _is_link(item: os.DirEntry[str]) -> bool:
    # A junction on Windows is no symlink to Python, but its real path lies elsewhere.
    above = os.path.realpath(os.path.dirname(item.path))
    return item.is_symlink() or os.path.realpath(item.path) != os.path.join(above, item.name)


def _look(path: Path) -> tuple[int, float]:
    """Bytes and last use (mtime, seconds since 1970) of a file or a folder."""
    try:
        own = path.lstat()
    except OSError:  # gone meanwhile
        return 0, 0.0
    if not path.is_dir():
        return own.st_size, own.st_mtime
    size = 0
    for folder, _unused, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                size += os.lstat(os.path.join(folder, name)).st_size
    return size, own.st_mtime


def _renamed(entry: Entry) -> list[Path] | None:
    """Rename an entry's files to siblings that are deleted later; None when the system refuses."""
    # The new names have the form of atomic.SIBLING: what a kill leaves is found as a leftover.
    moved: list[tuple[Path, Path]] = []
    for path in entry.paths:
        away = path.with_name(f".{entry.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            os.rename(path, away)
        except FileNotFoundError:
            continue
        except OSError:  # Windows: somebody has it open
            for old, new in moved:
                with suppress(OSError):
                    os.rename(new, old)
            return None
        moved.append((path, away))
    return [away for _, away in moved]


def _delete(path: Path) -> None:
    with suppress(OSError):  # what stays is a leftover for the next cleaning
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
