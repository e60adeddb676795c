"""Which files are meant: one, several, a pattern, a folder; how they are called; what they hold."""

from __future__ import annotations

import difflib
import glob
import json
import time
from collections.abc import Sequence
from pathlib import Path

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.data.cache import store
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

SETTLED = 1_000_000_000  # nanoseconds: a file younger than this may still change unseen
MOST_FILES = 10_000  # tables in one set


def find(given: str | Sequence[str]) -> list[Path]:
    """The files and folders that are meant, in a fixed order, each once. Raises DataError."""
    wanted = [given] if isinstance(given, str) else list(given)
    if not wanted:
        raise DataError(_("data.path: names no file."))
    found: dict[Path, Path] = {}
    for name in wanted:
        for path in _matches(name):
            found.setdefault(path.resolve(), path)
    if len(found) > MOST_FILES:
        raise DataError(
            _("{path}: {count:,} files are too many.", path=wanted[0], count=len(found))
        )
    return list(found.values())


def names(paths: Sequence[Path]) -> list[str]:
    """How the files are called: by their last name, or as much of the path as tells them apart.

    >>> names([Path("x/a.csv"), Path("y/a.csv"), Path("x/b.csv")])
    ['x/a.csv', 'y/a.csv', 'x/b.csv']
    """
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        short = [_as_text("/".join(path.parts[-count:])) for path in paths]
        if len(set(short)) == len(paths):
            return short
    return [_as_text(str(path)) for path in paths]


def _as_text(name: str) -> str:
    """A name whose bytes the locale could not read (LC_ALL=C) as the UTF-8 that it mostly is."""
    # Only bytes that it cannot read (lone surrogates) are read anew; all else is text already.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _matches(name: str) -> list[Path]:
    path = Path(name)
    try:
        if path.is_file() or path.is_dir():
            return [path]
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise DataError(_("{path!r} is no name of a file.", path=name[:80])) from error
    if not glob.has_magic(name):
        raise DataError(_("{path}: no such file.{hint}", path=name, hint=_near_file(path)))
    found = [Path(match) for match in glob.glob(name, recursive=True)]
    found = sorted(match for match in found if match.is_file())
    if not found:
        raise DataError(_("{path}: no file is called like this pattern.", path=name))
    return found


def _near_file(path: Path) -> str:
    if not path.parent.is_dir():
        return _(" The folder {folder} does not exist.", folder=str(path.parent))
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()][:1000]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return parts.near(path.name, close) if close else ""


def content_of(path: Path) -> str:
    """The hash of a file's bytes, remembered until its size or times change."""
    stat = path.stat()
    known = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    memo = store.folder("hashes") / f"{fingerprint.of_texts(str(path.resolve()))}.json"
    try:
        remembered = json.loads(memo.read_text(encoding="utf-8"))
        if remembered["file"] == known:
            store.touch(memo)
            return str(remembered["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing remembered, or not by us: hash it
    content = hash_of(path)
    if time.time_ns() - stat.st_mtime_ns > SETTLED:
        with store.written(memo) as sibling:
            sibling.write_text(json.dumps({"file": known, "hash": content}), encoding="utf-8")
    return content


def hash_of(path: Path) -> str:
    try:
        return fingerprint.of_file(path)
    except OSError as error:
        raise DataError(
            _("{path}: cannot be read: {reason}.", path=str(path), reason=said(error))
        ) from None
