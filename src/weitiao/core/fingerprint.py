"""Fingerprints of content: BLAKE2b for names of our own, SHA-256 where others publish hashes.

What they return is part of file names in caches and of keys in stores of results, so it must never
change for the same content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


def of_text(text: str, size: int = 8) -> str:
    """A text as 2 * `size` hexadecimal digits.

    >>> of_text("")
    'e4a6a0577479b2b4'
    """
    return of_chunks([text.encode("utf-8")], size)


def of_texts(*texts: str, size: int = 16) -> str:
    """Several texts; which of them holds what counts.

    >>> of_texts("a", "b") == of_texts("ab")
    False
    """
    return hashlib.blake2b(framed(texts), digest_size=size).hexdigest()


def of_chunks(chunks: Iterable[Any], size: int) -> str:
    """Bytes, or arrays by their memory, one after the other; how they are cut does not count."""
    digest = hashlib.blake2b(digest_size=size)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """The content of a file, as 32 hexadecimal digits."""
    with path.open("rb") as file:
        return of_chunks(iter(lambda: file.read(CHUNK_BYTES), b""), 16)


def sha256_of(path: Path) -> str:
    """The SHA-256 hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def framed(texts: Iterable[str]) -> bytes:
    """Texts as bytes, each behind its length, so that ("ab", "c") and ("a", "bc") differ."""
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(len(piece).to_bytes(8, "little") + piece for piece in raw)
