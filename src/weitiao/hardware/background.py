"""Work of this process in the background, which would disturb a measurement: it is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable

_threads: list[threading.Thread] = []


def start(work: Callable[[], None], name: str) -> None:
    """Run `work` in a thread. It is a daemon: an exit does not wait for it."""
    thread = threading.Thread(target=work, daemon=True, name=name)
    _threads.append(thread)
    thread.start()


def wait() -> None:
    """Wait until all of it has ended."""
    while _threads:
        _threads[-1].join()
        _threads.pop()
