"""The cache on disk: where reproducible files lie, and how they are written atomically."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weitiao.data.cache import leases

TAG = "CACHEDIR.TAG"  # known to programs that make backups: they leave such folders out
MARK = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A cache of weitiao: everything here can be made again. `weitiao cache` lists it.\n"
)
DRAFT = re.compile(r"\.(.+)\.\d+\.[0-9a-f]{8}")


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
        sibling = path / f".{TAG}.{os.getpid()}.{secrets.token_hex(4)}"
        sibling.write_text(MARK, encoding="utf-8")
        os.replace(sibling, path / TAG)
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
    draft = DRAFT.fullmatch(name)
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


def fingerprint_of(*pieces: str) -> str:
    """A short content hash of texts.

    >>> fingerprint_of("a", "b") == fingerprint_of("ab")
    False
    """
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        raw = piece.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to (a file or a folder); it takes the name `path` at the end.

    When the body raises, nothing is left behind. Two processes may write the same thing at once:
    both hold the same content, so it does not matter whose copy stays.
    """
    with draft(path) as sibling:
        yield sibling
        try:
            os.replace(sibling, path)
        except PermissionError:  # Windows: another process has finished first and reads its file
            if not (os.name == "nt" and path.is_file()):
                raise
        except OSError:  # a folder that another process has finished first
            if not (sibling.is_dir() and path.is_dir()):
                raise


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path`, gone at the end unless it was given another name."""
    hold(path)
    sibling = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        yield sibling
    finally:
        if sibling.is_dir():
            shutil.rmtree(sibling, ignore_errors=True)
        else:
            sibling.unlink(missing_ok=True)
