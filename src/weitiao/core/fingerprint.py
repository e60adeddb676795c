"""Content hashes: BLAKE2b for our own names, SHA-256 where others publish hashes.

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
    """Hash of a text, 2 * `size` hexadecimal digits.

    >>> of_text("")
    'e4a6a0577479b2b4'
    """
    return of_chunks([text.encode("utf-8")], size)


def of_texts(*texts: str, size: int = 16) -> str:
    """Hash of several texts; where one ends and the next begins counts.

    >>> of_texts("a", "b") == of_texts("ab")
    False
    """
    return hashlib.blake2b(framed(texts), digest_size=size).hexdigest()


def of_chunks(chunks: Iterable[Any], size: int) -> str:
    """Hash of concatenated bytes or arrays; chunk boundaries do not count."""
    digest = hashlib.blake2b(digest_size=size)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """Content hash of a file, 32 hexadecimal digits."""
    with path.open("rb") as file:
        return of_chunks(iter(lambda: file.read(CHUNK_BYTES), b""), 16)


def sha256_of(path: Path) -> str:
    """The SHA-256 hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def framed(texts: Iterable[str]) -> bytes:
    """Length-prefixed encoding of texts, so that ("ab", "c") and ("a", "bc") differ."""
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(len(piece).to_bytes(8, "little") + piece for piece in raw)
