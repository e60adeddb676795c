"""Expected seconds and peak memory of each phase of a run, from what a measurement has timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weitiao.hardware.phases import NAMES
from weitiao.planfile.expectation import Estimate, PhaseEstimate
from weitiao.planning import history
from weitiao.planning.phase_cost import Line, PhaseSeconds, Z

CHUNK_ROWS = 64  # of a forward pass that is timed
# Of the evaluations after the first, those that find the best model yet, which is then saved: 75
# of 227 in 24 runs.
BETTER = 0.33
READ_TO_JUDGE = 5  # times that validation rows are read after training
# The part of the updates after which the best model is found: least, usual, most. In those runs the
# quartiles were 0.2, 0.7 and 1.
BEST_PART = (0.2, 0.65, 1.0)
LEARNING = ("training", "evaluations", "refit")  # with updates in memory
FINDINGS_SECONDS, FINDINGS_SHARE = 10.0 / 3, 0.15 / 3  # limits of the error analysis


@dataclass(frozen=True)
class Rehearsed:
    """A run on a sample: seconds and memory_mb by phase, and how much was done.

    reading: seconds of reading and splitting the rows. evaluations, saves, refit_updates: how many
    there were. findings: seconds of the error analysis. frozen: whether the frozen network was
    loaded once more as a baseline, as in all runs whose best model is not the first one.
    """

    seconds: Mapping[str, float]
    memory_mb: Mapping[str, float]
    train_rows: int
    judged_rows: int
    updates: int
    evaluations: int
    saves: int
    refit_updates: int = 0
    reading: float = 0.0
    findings: float = 0.0
    frozen: bool = True

    def took(self, phase: str) -> float:
        return float(self.seconds.get(phase, 0.0))


@dataclass(frozen=True)
class Sizes:
    """How much there is to do in the run. update_tokens: of each update, padding included, or of
    the first ones; refit: whether it is trained once more on all rows."""

    train_rows: int
    validation_rows: int
    batch_size: int
    updates: int
    evaluations: int
    update_tokens: Sequence[float]
    row_tokens: float
    refit: bool = False
    budget: float | None = None


@dataclass(frozen=True)
class Taken:
    """Everything that was timed, in seconds. linear, baselines: (rows, seconds) of fits to that
    many rows. longer_mb: memory that the longest update needs more than those of the rehearsal;
    weights_mb: that of the network. saving, disk: of writing the model, and until a disk has it,
    which is waited for in the background of the next updates."""

    rehearsed: Rehearsed
    learned: Line  # updates
    read: Line  # forward passes of CHUNK_ROWS rows
    longer_mb: float = 0.0
    weights_mb: float = 0.0
    reading: float = 0.0
    encoding: float = 0.0
    saving: float = 0.0
    disk: float = 0.0
    linear: tuple[int, float] | None = None
    baselines: tuple[int, float] | None = None
    most_linear_rows: int = 4_000

    def memory_mb(self, phase: str) -> float:
        """The peak of a phase: that of the rehearsal, what the longest updates need more, and what
        a rehearsal leaves out whose best model was the first one."""
        peaks = self.rehearsed.memory_mb
        more = self.longer_mb if phase in LEARNING else 0.0
        if phase == "refit" and not self.rehearsed.refit_updates:
            more += max(peaks.get("training", 0.0) - peaks.get("linear_start", 0.0), 0.0)
        if phase == "judging" and not self.rehearsed.frozen and self.linear:
            more += self.weights_mb
        return peaks.get(phase, 0.0) + more

    def read_seconds(self, rows: float, tokens: float) -> float:
        """Of predicting so many rows with so many tokens together."""
        return self.read.seconds(tokens, rows, rows / CHUNK_ROWS)


def expected_phases(
    taken: Taken, sizes: Sizes, past: Sequence[history.PastRun], family: str
) -> tuple[dict[str, PhaseEstimate], Estimate, int]:
    """The phases of the run, its peak memory, and how many earlier runs corrected them."""
    seconds = phase_seconds(taken, sizes)
    memory = history.of_memory(past, family)
    runs, phases, peak = memory.runs, {}, 0.0
    for name, raw in seconds.items():
        found = history.of_phase(past, name, family)
        runs = max(runs, found.runs)
        most = taken.memory_mb(name)
        peak = max(peak, most)
        corrected = PhaseSeconds(raw.seconds * found.factor, found.std, *_scaled(raw, found.factor))
        phases[name] = PhaseEstimate(
            seconds=corrected.estimate,
            memory_mb=_memory(most, memory),
            raw=round(raw.seconds, 2),
            raw_mb=round(most),
        )
    ordered = {name: phases[name] for name in NAMES if name in phases}
    return ordered, _memory(peak, memory), runs


def _scaled(raw: PhaseSeconds, factor: float) -> tuple[float | None, float | None]:
    low, high = (None if end is None else end * factor for end in (raw.low, raw.high))
    return low, high


def _memory(most: float, found: history.Correction) -> Estimate:
    value = most * found.factor
    half = Z * found.std * value
    return Estimate(value, value - half, value + half).rounded(None)


def phase_seconds(taken: Taken, sizes: Sizes) -> dict[str, PhaseSeconds]:
    """Seconds of each phase, before the history corrects them."""
    training = _training(taken, sizes)
    found = {
        "starting": taken.rehearsed.took("starting"),
        "loading": _loading(taken),
        "baselines": _baselines(taken, sizes),
        "linear_start": _linear_start(taken, sizes),
        "training": training,
        "evaluations": _evaluations(taken, sizes),
        "judging": _judging(taken, sizes, training),
        "report": taken.rehearsed.took("report"),
    }
    phases = {name: PhaseSeconds(value, 0.0) for name, value in found.items() if value > 0}
    if sizes.refit:
        least, usual, most = (_refit(taken, sizes, part) for part in BEST_PART)
        phases["refit"] = PhaseSeconds(usual, 0.0, least, most)
    return _in_budget(phases, sizes.budget)


def updates_in_budget(taken: Taken, sizes: Sizes) -> float:
    """How many of its updates the run has time for; all of them where there is no budget."""
    whole = _updates(taken, sizes, sizes.updates)
    training = phase_seconds(taken, sizes).get("training")
    if sizes.budget is None or whole <= 0:
        return sizes.updates
    cut = _training(taken, sizes) - (training.seconds if training else 0.0)
    return sizes.updates * min(max(1 - cut / whole, 0.0), 1.0)


def _in_budget(phases: dict[str, PhaseSeconds], budget: float | None) -> dict[str, PhaseSeconds]:
    """A budget shortens the training, and has no time for a refit before that."""
    over = sum(one.seconds for one in phases.values()) - (budget or float("inf"))
    for name in ("refit", "training"):
        if over > 0 and name in phases:
            left = max(phases[name].seconds - over, 0.0)
            over -= phases[name].seconds - left
            phases[name] = PhaseSeconds(left, 0.0)
    return {name: one for name, one in phases.items() if one.seconds > 0}


def _loading(taken: Taken) -> float:
    """That of the rehearsal, with the reading of all rows instead of its own."""
    own = taken.rehearsed.took("loading") - taken.rehearsed.reading
    return max(own, 0.0) + taken.reading + taken.encoding


def _baselines(taken: Taken, sizes: Sizes) -> float:
    """That of the rehearsal, and the time of further rows at the pace of the fit that was timed."""
    if taken.baselines is None:
        return 0.0
    rows, seconds = taken.baselines
    further = sizes.train_rows - taken.rehearsed.train_rows
    return max(taken.rehearsed.took("baselines") + seconds / rows * further, 0.0)


def _linear_start(taken: Taken, sizes: Sizes) -> float:
    if taken.linear is None:
        return 0.0
    rows, seconds = taken.linear
    return seconds * min(sizes.train_rows, taken.most_linear_rows) / rows


def _training(taken: Taken, sizes: Sizes) -> float:
    """All updates by their tokens, and what the rehearsal took besides its own updates."""
    rehearsed = taken.rehearsed
    own = _updates(taken, sizes, rehearsed.updates)
    return max(rehearsed.took("training") - own, 0.0) + _updates(taken, sizes, sizes.updates)


def _updates(taken: Taken, sizes: Sizes, count: float) -> float:
    usual = sum(sizes.update_tokens) / len(sizes.update_tokens)
    return taken.learned.seconds(count * usual, count * sizes.batch_size, count)


def _evaluations(taken: Taken, sizes: Sizes) -> float:
    """Each reads the validation rows; some save the model, the first one to the disk."""
    rehearsed, rows = taken.rehearsed, sizes.validation_rows
    first = taken.linear is not None
    count = first + min(sizes.evaluations, sizes.updates)
    own = rehearsed.took("evaluations")
    own -= _saves(taken, sizes, rehearsed.saves, first, rehearsed.updates, rehearsed.evaluations)
    own = own / max(rehearsed.evaluations, 1) - _read(taken, sizes, rehearsed.judged_rows)
    saves = 1 + BETTER * (count - 1)
    saving = _saves(taken, sizes, saves, first, sizes.updates, count)
    return count * (max(own, 0.0) + _read(taken, sizes, rows)) + saving


def _saves(
    taken: Taken, sizes: Sizes, saves: float, first: bool, updates: int, evaluations: int
) -> float:
    """Seconds of saving so often. first: whether there is a model before the updates, which is
    waited for; the disk has the others by the next evaluation, or makes it wait."""
    between = _updates(taken, sizes, updates) / max(evaluations - first, 1)
    late = max(taken.disk - between, 0.0)
    later = max(saves - first, 0.0)
    return saves * taken.saving + first * taken.disk + later * late


def _read(taken: Taken, sizes: Sizes, rows: float) -> float:
    return taken.read_seconds(rows, rows * sizes.row_tokens)


def _refit(taken: Taken, sizes: Sizes, part: float) -> float:
    """Training on all rows for as long as the best model took, which nobody knows before; and what
    the refit of the rehearsal took besides its own updates."""
    ratio, rehearsed = 1 + sizes.validation_rows / sizes.train_rows, taken.rehearsed
    updates = _updates(taken, sizes, ratio * part * sizes.updates)
    own = rehearsed.took("refit") - _updates(taken, sizes, rehearsed.refit_updates)
    rows = ratio * sizes.train_rows - rehearsed.train_rows - rehearsed.judged_rows
    linear = taken.linear[1] / taken.linear[0] * max(rows, 0.0) if taken.linear else 0.0
    return max(own, 0.0) + linear + updates


def _judging(taken: Taken, sizes: Sizes, training: float) -> float:
    rehearsed, rows = taken.rehearsed, sizes.validation_rows
    further = _read(taken, sizes, rows) - _read(taken, sizes, rehearsed.judged_rows)
    own = rehearsed.took("judging") - rehearsed.findings + READ_TO_JUDGE * further
    more = rehearsed.findings * max(1.0, rows / max(rehearsed.judged_rows, 1))
    limit = max(FINDINGS_SECONDS, FINDINGS_SHARE * training)
    return max(own, 0.0) + min(more, max(limit, rehearsed.findings))
