"""The held-out test set: each use is logged outside the run, so that reports count them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.i18n.messages import _

_looks: ContextVar[dict[str, int] | None] = ContextVar("looks", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Count all uses of a test set inside the block as one: several seeds are one look."""
    token = _looks.set({})
    try:
        yield
    finally:
        _looks.reset(token)


def open_test(data: Data, why: str, use: str | None = None) -> tuple[Rows, int]:
    """Open the held-out test set: its rows, and how often it was used, this time included.

    use: a name for this use; one with the same name is not counted again. Raises DataError when
    there is none.
    """
    if data.sealed_test is None:
        raise DataError(_("there is no test: set data.test_size above 0, or data.test_path."))
    known, fingerprint = _looks.get(), data.sealed_test.fingerprint
    if known is None:
        return data.sealed_test, _count(fingerprint, why, use)
    if fingerprint not in known:
        known[fingerprint] = _count(fingerprint, why, use)
    return data.sealed_test, known[fingerprint]


def openings_file() -> Path:
    """Path of the log of test set uses: in $WEITIAO_STATE or ~/.local/share/weitiao."""
    # Outside the run: deleting a run and training again must not reset the count.
    root = os.environ.get("WEITIAO_STATE")
    folder = Path(root) if root else Path.home() / ".local" / "share" / "weitiao"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "openings.jsonl"


def _count(fingerprint: str, why: str, use: str | None) -> int:
    file = openings_file()
    if use and file.exists() and (count := _place(file, fingerprint, use)):
        return count
    # O_APPEND and a single write(2): POSIX appends it whole, so two processes cannot lose each
    # other's lines. The order of lines is the order of uses; a process knows its own by the id.
    ours = use or secrets.token_hex(8)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"test": fingerprint, "at": now, "why": why[:500], "id": ours}
    raw = (json.dumps(entry, ensure_ascii=False) + "\n").encode("utf-8")
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, raw)
    finally:
        os.close(handle)
    return _place(file, fingerprint, ours)


def _place(file: Path, fingerprint: str, use: str) -> int:
    """Which use of this test set has the name `use`; 0 for none."""
    count = 0
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                logged = json.loads(line)
            except ValueError:
                continue  # a line cut off by a crash counts for nobody
            if isinstance(logged, dict) and logged.get("test") == fingerprint:
                count += 1
                if logged.get("id") == use:
                    return count
    return 0
