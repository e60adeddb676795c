"""History of predictions: what runs took, as ratios to what was predicted, corrects the next ones.

One line a run in history.jsonl of the cache folder. No texts, no paths, no names of files; whoever
deletes it loses the corrections and nothing else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from weitiao.core import atomic
from weitiao.data.cache import store
from weitiao.planning.quality import ENOUGH_UPDATES, Gain

FILE = "history.jsonl"
MOST_LINES = 1000  # the newest ones are kept
LOCK_SECONDS = 2.0
PRIOR_RUNS = 3.0  # runs that the assumption "no correction" is worth
PRIOR_STD = 0.2  # of the logarithm of a ratio, before there is a history
OTHER_FAMILY = 0.5  # the weight of a run of another family of networks on the same machine
FEWEST_MEMORY_STD = 0.03
MEMORY_PRIOR_STD = 0.06


class PastRun(BaseModel):
    """A run that was predicted: actual over predicted seconds by phase, over predicted memory.

    The predictions are those before the history corrected them. gain: the logarithm of the error
    of the fine-tuned model over that of the linear one; updates: of its training.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    machine: str
    family: str
    at: str = ""
    seconds: dict[str, float] = {}
    memory: float | None = None
    busy: float = 0.0
    gain: float | None = None
    updates: int = ENOUGH_UPDATES


class Correction(BaseModel):
    """A factor for a prediction, and the standard deviation of its logarithm."""

    model_config = ConfigDict(frozen=True)

    factor: float = 1.0
    std: float = PRIOR_STD
    runs: int = 0


def path() -> Path:
    """The file of the history."""
    return store.root() / FILE


def add(run: PastRun) -> None:
    """Append a run; several processes may do so at once. A history that cannot be written is no
    reason for an error."""
    place = path()
    with suppress(OSError, Timeout), FileLock(f"{place}.lock", timeout=LOCK_SECONDS):
        lines = _lines(place)
        lines.append(run.model_dump_json())
        atomic.replace_text(place, "\n".join(lines[-MOST_LINES:]) + "\n")


def runs(machine: str) -> list[PastRun]:
    """The runs of this machine, the newest last; lines that are no runs are left out."""
    found = []
    for line in _lines(path()):
        with suppress(ValidationError):
            run = PastRun.model_validate_json(line)
            if run.machine == machine:
                found.append(run)
    return found


def _lines(place: Path) -> list[str]:
    try:
        text = place.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def correction(
    ratios: Sequence[tuple[float, float]], prior_std: float = PRIOR_STD, least_std: float = 0.02
) -> Correction:
    """From (ratio, weight) of earlier runs: the weighted median of the logarithms, shrunk towards
    none by PRIOR_RUNS; never beyond the median itself. The width is that of the prior and of the
    ratios around the correction, pooled."""
    known = [(math.log(r), w) for r, w in ratios if r > 0 and math.isfinite(r) and w > 0]
    if not known:
        return Correction(std=prior_std)
    weight = sum(w for _r, w in known)
    shrunk = _median(known) * weight / (weight + PRIOR_RUNS)
    squares = sum(w * (r - shrunk) ** 2 for r, w in known)
    variance = (PRIOR_RUNS * prior_std**2 + squares) / (PRIOR_RUNS + weight)
    return Correction(
        factor=math.exp(shrunk), std=max(math.sqrt(variance), least_std), runs=len(known)
    )


def _median(known: Sequence[tuple[float, float]]) -> float:
    """The weighted median; between two where half of the weight lies on either side."""
    ordered = sorted(known)
    half, passed = sum(w for _r, w in ordered) / 2, 0.0
    for at, (ratio, weight) in enumerate(ordered):
        passed += weight
        if math.isclose(passed, half) and at + 1 < len(ordered):
            return (ratio + ordered[at + 1][0]) / 2
        if passed > half:
            return ratio
    return ordered[-1][0]


def of_phase(past: Sequence[PastRun], phase: str, family: str) -> Correction:
    """The correction of the seconds of a phase."""
    ratios = [(one.seconds[phase], _weight(one, family)) for one in past if phase in one.seconds]
    return correction(ratios)


def of_memory(past: Sequence[PastRun], family: str) -> Correction:
    """The correction of the peak memory."""
    ratios = [(one.memory, _weight(one, family)) for one in past if one.memory is not None]
    return correction(ratios, MEMORY_PRIOR_STD, FEWEST_MEMORY_STD)


def gains(past: Sequence[PastRun]) -> list[Gain]:
    """The gains of fine-tuning over the linear model that runs here have had. Which rows they
    learned from is not kept: each counts as a set of its own."""
    return [
        Gain(f"run {at}", max(one.updates, 1), one.gain)
        for at, one in enumerate(past)
        if one.gain is not None and math.isfinite(one.gain)
    ]


def _weight(run: PastRun, family: str) -> float:
    return 1.0 if run.family == family else OTHER_FAMILY


def machine_of(key: Mapping[str, object]) -> str:
    """A short hash of the machine, the threads in use and the version of torch."""
    from weitiao.core import fingerprint

    return fingerprint.of_text(json.dumps(key, sort_keys=True, default=str))[:16]
