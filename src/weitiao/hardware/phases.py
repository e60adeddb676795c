"""Phases of a run: wall-clock seconds and peak resident memory of each, taken while it goes on.

with phases.recorded(begun) as clock:   # the run, once
    with phases.during("training"):     # deep inside; without a clock nothing is taken
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from weitiao.core.clock import awake
from weitiao.hardware.machine import peak_memory_since
from weitiao.i18n.messages import N_, translated

# In the order in which a run goes through them. The names are those of phases.json.
NAMES = (
    N_("starting"),  # imports, reading and checking the plan
    N_("loading"),  # rows, tokens, weights
    N_("baselines"),  # those fitted before training
    "linear_start",
    N_("training"),  # updates alone
    N_("evaluations"),  # of the validation rows during training, and saving the best weights
    N_("refit"),
    N_("judging"),  # calibration, metrics with intervals, baselines, error analysis
    N_("report"),
)


_SPELLED = {"linear_start": N_("linear start")}


def shown(phase: str) -> str:
    """The name of a phase as people read it."""
    return translated(_SPELLED.get(phase, phase))


class PhaseClock:
    """Exclusive seconds and peak memory by phase: an inner phase is taken out of the outer one."""

    def __init__(
        self,
        phase: str,
        *,
        now: Callable[[], float] = awake,
        peak: Callable[[], float] = peak_memory_since,
    ) -> None:
        self._now, self._peak = now, peak
        self.costs: dict[str, dict[str, float]] = {}
        self._stack = [phase]
        self._closed = False  # an outer phase takes everything inside it
        self._since = now()
        peak()  # what was before belongs to nobody

    def add(self, phase: str, seconds: float) -> None:
        """Count seconds that passed before the clock was made."""
        if seconds > 0:
            self._count(phase, seconds, 0.0)

    @contextmanager
    def during(self, phase: str, *, whole: bool = False) -> Iterator[None]:
        """Count what is inside as this phase. whole: phases inside it, too."""
        if self._closed:
            yield
            return
        self.split()
        self._stack.append(phase)
        self._closed = whole
        try:
            yield
        finally:
            self.split()
            self._closed = False
            self._stack.pop()

    def split(self) -> None:
        """Count what passed until now for the current phase."""
        now = self._now()
        self._count(self._stack[-1], now - self._since, self._peak())
        self._since = now

    def plain(self) -> dict[str, dict[str, float]]:
        """Phase -> seconds and memory_mb until now, in the order of a run."""
        self.split()
        return {
            name: {"seconds": round(cost["seconds"], 2), "memory_mb": round(cost["memory_mb"])}
            for name in NAMES
            if (cost := self.costs.get(name))
        }

    def _count(self, phase: str, seconds: float, memory_mb: float) -> None:
        cost = self.costs.setdefault(phase, {"seconds": 0.0, "memory_mb": 0.0})
        cost["seconds"] += seconds
        cost["memory_mb"] = max(cost["memory_mb"], memory_mb)


_clock: ContextVar[PhaseClock | None] = ContextVar("phase_clock", default=None)


@contextmanager
def recorded(clock: PhaseClock) -> Iterator[PhaseClock]:
    """Phases inside are counted by this clock; an outer clock stands still meanwhile."""
    token = _clock.set(clock)
    try:
        yield clock
    finally:
        _clock.reset(token)


@contextmanager
def during(phase: str, *, whole: bool = False) -> Iterator[None]:
    """Count what is inside as a phase of the run that is recorded, if one is."""
    clock = _clock.get()
    if clock is None:
        yield
        return
    with clock.during(phase, whole=whole):
        yield


def current() -> PhaseClock | None:
    """The clock of the run that is recorded."""
    return _clock.get()
