"""Monotonic clock without system sleep, for time budgets; durations as texts.

Python's monotonic clock is such a one on Linux (CLOCK_MONOTONIC) and macOS (mach_absolute_time);
on Windows it runs on through sleep, so the unbiased interrupt time is read there.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable

from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

TICKS = 10_000_000  # of Windows' interrupt time in a second

if sys.platform == "win32":
    import ctypes

    def awake() -> float:
        """Monotonic seconds (arbitrary start) without system sleep."""
        ticks = ctypes.c_ulonglong()
        ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))
        return ticks.value / TICKS

else:

    def awake() -> float:
        """Monotonic seconds (arbitrary start) without system sleep."""
        return time.monotonic()


def stopwatch() -> Callable[[], float]:
    """A clock that starts now: called, it gives the seconds since, without those that this process
    waited for a processor of which other programs had the use."""
    wall, own = time.perf_counter(), time.process_time()
    # Several threads use more processor time than wall time: then nobody was waited for.
    return lambda: min(time.perf_counter() - wall, time.process_time() - own)


def seconds(text: str) -> float | None:
    """Parse a duration such as 90s or 1h30m to seconds; None when it is none.

    >>> seconds("90s"), seconds("1h30m"), seconds("20"), seconds("soon")
    (90.0, 5400.0, 20.0, None)
    """
    number = r"(\d+(?:\.\d+)?)"
    pattern = rf"(?:{number}h)? ?(?:{number}m)? ?(?:{number}s?)?"
    match = re.fullmatch(pattern, text.strip(), re.ASCII | re.IGNORECASE)
    if not match or not any(match.groups()):
        return None
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def latency_of(wanted: float | str | None) -> float | None:
    """A latency in seconds, also from 20ms or 0.5s. Raises WeitiaoError.

    >>> latency_of("20ms"), latency_of("0.5s"), latency_of(0.1)
    (0.02, 0.5, 0.1)
    """
    if not isinstance(wanted, str):
        return wanted
    text = wanted.strip().lower()
    value = seconds(text.removesuffix("ms") if text.endswith("ms") else text)
    if not value:
        raise WeitiaoError(_("--latency: {text!r} is not a time; write 20ms or 0.5s.", text=wanted))
    return value / 1000 if text.endswith("ms") else value


def duration(seconds: float) -> str:
    """Seconds as h:mm:ss.

    >>> duration(75), duration(4000), duration(float("nan"))
    ('1:15', '1:06:40', '?')
    """
    if seconds != seconds:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
