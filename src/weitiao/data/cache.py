"""Where files that can be made again are kept, and how they are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def folder(kind: str) -> Path:
    """The cache folder for `kind`, made when missing: $WEITIAO_CACHE or ~/.cache/weitiao."""
    root = os.environ.get("WEITIAO_CACHE")
    path = (Path(root) if root else Path.home() / ".cache" / "weitiao") / kind
    path.mkdir(parents=True, exist_ok=True)
    return path


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
        except OSError:  # a folder that another process has finished first
            if not (sibling.is_dir() and path.is_dir()):
                raise


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path`, gone at the end unless it was given another name."""
    sibling = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        yield sibling
    finally:
        if sibling.is_dir():
            shutil.rmtree(sibling, ignore_errors=True)
        else:
            sibling.unlink(missing_ok=True)
