"""Notices of work that takes long: nobody looks at a silent terminal for more than two seconds.

with notice.listening(print):           # the command line, once
    with notice.during("loading"):      # deep inside; printed if it is not done in time
        ...
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 1.5  # of silence before a notice

Say = Callable[[str], None]
_listeners: list[Say] = []


@contextmanager
def listening(say: Say) -> Iterator[None]:
    """Notices inside go to `say`, from another thread; without a listener they are dropped."""
    _listeners.append(say)
    try:
        yield
    finally:
        _listeners.remove(say)


@contextmanager
def during(text: str, seconds: float | None = None) -> Iterator[None]:
    """Say `text` when the work inside takes longer than that; SECONDS, if left out."""
    if not _listeners:
        yield
        return
    timer = threading.Timer(SECONDS if seconds is None else seconds, _listeners[-1], (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def now(text: str) -> None:
    """Say `text` at once, from a thread: a signal handler may have interrupted a print."""
    if _listeners:
        threading.Thread(target=_listeners[-1], args=(text,), daemon=True).start()
