"""Benchmark of the precisions on this machine: measured once, in about a second, and cached.

`resolve` turns the precision of a plan into one of `precision.KINDS`. `auto` is the fastest one
here that is accurate; a run records it, and a resumed run uses the recorded one.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import linear

from weitiao.core import fingerprint, notice
from weitiao.data.cache import checked, store
from weitiao.errors import PlanError, RunError
from weitiao.hardware import background
from weitiao.hardware.machine import instruction_sets, processor
from weitiao.hardware.precision import KINDS, has_onednn_matmul, onednn_matmul
from weitiao.i18n.messages import _

VERSION = 3  # of the cached results: a higher one measures again
SWITCHES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
MIN_GAINS = {"bf16": 1.3, "onednn": 1.1}  # over fp32: with less, fp32 is taken
# Relative, against fp64. Measured were 1.5e-7 in fp32 and 1.5e-3 in bf16 (dev/LOG.md). A processor
# or driver that also keeps the sums in bf16 exceeds the limit and is refused.
MAX_ERRORS = {"fp32": 1e-5, "onednn": 5e-3, "bf16": 5e-3}
TOKENS, WIDTH, INNER = 512, 384, 1536  # the products of a small encoder
# Three products, each of a multiplication and an addition a weight and token.
WORK = 3 * 2 * TOKENS * WIDTH * INNER
SECONDS = 0.12  # of measuring for each candidate
MIN_ROUNDS = 3
SLOW_FACTOR = 3.0  # candidates slower than this times the best are not measured again
# Above this, results are cached for BUSY_SECONDS alone, and what is usual for the processor is
# taken: the proportion of the processors that other programs used, or of time in which this one
# was not running.
BUSY = 0.1
BUSY_SECONDS = 1800.0
WAITED_SECONDS = 0.1
COPIED = 25_000_000  # floats: more than the processor caches hold

_pinned: ContextVar[str | None] = ContextVar("pinned", default=None)


@dataclass(frozen=True)
class Probe:
    """Benchmark results. operations: floating-point, a second, by precision; errors: relative to
    fp64, by precision."""

    processor: str
    cores: int
    threads: int
    torch: str
    instructions: str
    switches: Mapping[str, str]
    operations: Mapping[str, float]
    errors: Mapping[str, float]
    by_threads: Mapping[str, float]  # operations a second of the best precision, by threads
    bytes: float  # read and written a second
    busy: float  # how much other programs disturbed: see BUSY
    seconds: float  # that the benchmark took

    @property
    def best(self) -> str:
        """The precision of `auto`: the fastest accurate one that is clearly faster than fp32.

        Beside other programs times say little, and two processes would choose differently: then
        bf16 where the processor has instructions for it, else fp32.
        """
        if self.busy > BUSY:
            usual = "bf16" if has_bf16(self.switches) else "fp32"
            return usual if self.errors.get(usual, math.inf) <= MAX_ERRORS[usual] else "fp32"
        usable = [
            kind
            for kind, min_gain in MIN_GAINS.items()
            if self.gain(kind) >= min_gain and self.errors[kind] <= MAX_ERRORS[kind]
        ]
        return max(usable, key=self.gain, default="fp32")

    @property
    def best_threads(self) -> int:
        """The number of threads that was fastest."""
        return int(max(self.by_threads, key=lambda count: self.by_threads[count]))

    def gain(self, kind: str) -> float:
        """The speed relative to fp32; 0 for a precision that is not available."""
        return self.operations.get(kind, 0.0) / self.operations["fp32"]


def has_bf16(switches: Mapping[str, str]) -> bool:
    """Whether the processor computes products of bf16 itself. switches: no limit set by the user
    may take the instructions away."""
    return not switches and any(name.startswith("bf16 (") for name in instruction_sets())


def resolve(precision: str, device: str | None = None) -> str:
    """The precision of a plan; `auto` becomes the pinned one, else the best of the benchmark.

    device: "cpu" or "cuda"; the one that networks run on here if left out. Raises PlanError for a
    precision that is not available.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    pinned = _pinned.get()
    # Resume equality: a run goes on in the precision it recorded, whatever is fastest by now.
    if pinned and precision == "auto":
        return pinned
    if precision == "onednn" and (device != "cpu" or not has_onednn_matmul()):
        message = _(
            "train.precision: onednn needs a processor and torch 2.9 or newer; here there "
            "are fp32 and bf16."
        )
        raise PlanError([message])
    if precision != "auto":
        return precision
    if device == "cuda":  # older cards than Ampere would need fp16, whose losses must be scaled
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return measured().best if device == "cpu" else "fp32"


@contextmanager
def pinned_precision(kind: str) -> Iterator[None]:
    """Make `auto` mean `kind` inside, as a run recorded it. Raises RunError if not available."""
    cuda = torch.cuda.is_available()
    available = kind in KINDS and (kind != "onednn" or has_onednn_matmul())
    if kind == "bf16" and cuda:
        available = torch.cuda.is_bf16_supported()
    if not available:
        raise RunError(
            _(
                "this run was computed in {kind}, which this machine or this torch does not have: "
                "resume it on the machine where it began, or start again.",
                kind=kind,
            )
        )
    token = _pinned.set(kind)
    try:
        yield
    finally:
        _pinned.reset(token)


def measured(*, anew: bool = False) -> Probe:
    """The results for this machine and the threads in use: from the cache, else measured now."""
    # A string, since the cache of the process needs a hashable key. It has the number of threads,
    # which may change while the process runs.
    key = json.dumps(_key())
    if anew:
        _cache_path(key).unlink(missing_ok=True)
        _cached.cache_clear()
    return _cached(key)


@once
def _cached(key: str) -> Probe:
    path = _cache_path(key)
    try:
        result = Probe(**checked.read_json(path))
        keep(path, result.busy)
    except (OSError, ValueError, TypeError):
        with notice.during(_("measuring this machine: precisions")):
            result = measure()
        with suppress(OSError):  # a full disk: measured again the next time
            checked.write_json(path, asdict(result))
    return result


def keep(path: Path, busy: float) -> None:
    """Note that cached results were used; raises ValueError for those of a busy machine that have
    become old: by now it may be quiet."""
    if busy <= BUSY:
        store.touch(path)
    elif time.time() - path.stat().st_mtime > BUSY_SECONDS:
        raise ValueError(busy)


def _cache_path(key: str) -> Path:
    return store.folder("probe") / f"{fingerprint.of_texts(key)}.json"


def measure() -> Probe:
    """Run the benchmark of matrix products and memory traffic."""
    background.wait()
    disturbance = Disturbance()
    generator = torch.Generator().manual_seed(0)  # the global generator is not touched
    tokens = torch.rand(TOKENS, WIDTH, generator=generator)
    weight = torch.rand(INNER, WIDTH, generator=generator)
    candidates = _candidates(tokens, weight)
    with torch.no_grad():
        errors = {
            kind: _error(candidate(), tokens, weight) for kind, candidate in candidates.items()
        }
        operations = {kind: WORK / seconds for kind, seconds in least_seconds(candidates).items()}
        best = max(operations, key=lambda kind: operations[kind])
        by_threads = {
            str(count): WORK / _with_threads(count, candidates[best]) for count in _thread_counts()
        }
        # `add_` reads and writes every number, hence 2 * nbytes below.
        big = torch.zeros(COPIED)
        copy_seconds = least_seconds({"copy": lambda: big.add_(1.0)})["copy"]
    return Probe(
        **machine_key(),
        operations=operations,
        errors=errors,
        by_threads=by_threads,
        bytes=2 * big.nbytes / copy_seconds,
        busy=disturbance.proportion(),
        seconds=round(disturbance.seconds(), 2),
    )


def _key() -> dict[str, dict[str, Any]]:
    """What the results depend on."""
    return {"machine": machine_key(), "measuring": {"version": VERSION}}


def machine_key() -> dict[str, Any]:
    """The machine, the threads in use and the version of torch: what times depend on."""
    return {
        "processor": processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def _candidates(
    tokens: torch.Tensor, weight: torch.Tensor
) -> dict[str, Callable[[], torch.Tensor]]:
    """The three products of a linear layer, forward and backward, in each precision."""
    gradient = torch.rand(TOKENS, INNER, generator=torch.Generator().manual_seed(1))

    def products(x: torch.Tensor, w: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        _ = g @ w, g.t() @ x  # gradients of input and weight
        return linear(x, w)

    half = [t.bfloat16() for t in (tokens, weight, gradient)]

    def through_onednn() -> torch.Tensor:
        with onednn_matmul():
            return products(tokens, weight, gradient)

    candidates = {
        "fp32": lambda: products(tokens, weight, gradient),
        "bf16": lambda: products(*half),
    }
    return {**candidates, "onednn": through_onednn} if has_onednn_matmul() else candidates


def cpu_seconds(kind: str, rounds: int = 25) -> list[float]:
    """Processor time of the same products in a precision, call by call: beside other programs."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.rand(TOKENS, WIDTH, generator=generator)
    weight = torch.rand(INNER, WIDTH, generator=generator)
    product, found = _candidates(tokens, weight)[kind], []
    with torch.no_grad():
        for _ in range(rounds + 1):
            begin = time.process_time()
            product()
            found.append(time.process_time() - begin)
    return found[1:]


def _error(product: torch.Tensor, tokens: torch.Tensor, weight: torch.Tensor) -> float:
    """The relative error of a product against fp64; infinite for NaN.

    All factors are positive: with random signs, errors of an accumulator with too few bits would
    cancel out.
    """
    exact = linear(tokens.double(), weight.double())
    error = float((product.double() - exact).norm() / exact.norm())
    return error if error == error else float("inf")


def least_seconds(candidates: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The minimum time of each candidate in seconds, measured alternately, so that other programs
    disturb all of them alike."""
    # The minimum: other programs can only add time, so it has the least of theirs.
    best = dict.fromkeys(candidates, 0.0)  # 0: not measured yet
    begin, rounds = time.perf_counter(), 0
    while rounds < MIN_ROUNDS or time.perf_counter() - begin < SECONDS * len(candidates):
        for name, candidate in candidates.items():
            if best[name] > SLOW_FACTOR * min(best.values()) > 0:
                continue
            start = time.perf_counter()
            candidate()
            best[name] = min(best[name] or float("inf"), time.perf_counter() - start)
        rounds += 1
    return best


class Disturbance:
    """How much other programs disturb this one, from when the object is made."""

    def __init__(self) -> None:
        self._begun, self._others = time.perf_counter(), other_seconds()

    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    def proportion(self) -> float:
        """The larger of two signs: the proportion of the processors that other programs used, and
        of a moment in which this thread did not run though it had work."""
        used = (other_seconds() - self._others) / self.seconds() / (os.cpu_count() or 1)
        # The second sign also sees programs that the system does not tell of, outside a container.
        return round(max(used, _waited(), 0.0), 2)


def _waited() -> float:
    """The proportion of WAITED_SECONDS of computing in which this thread was not running."""
    # Plain Python: threads of torch would also wait for each other.
    begin, ran = time.perf_counter(), time.thread_time()
    while (seconds := time.perf_counter() - begin) < WAITED_SECONDS:
        pass
    return 1 - (time.thread_time() - ran) / seconds


def other_seconds() -> float:
    """Processor time of all other programs in seconds, since an arbitrary moment: also of nice
    ones, and what a hypervisor gave to other machines (steal)."""
    import psutil

    total, own = psutil.cpu_times(), psutil.Process().cpu_times()
    names = ("user", "nice", "system", "irq", "softirq", "steal")
    everything = sum(getattr(total, name, 0.0) for name in names)
    return float(everything - own.user - own.system)


def _with_threads(count: int, candidate: Callable[[], object]) -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return least_seconds({"candidate": candidate})["candidate"]
    finally:
        torch.set_num_threads(before)


def _thread_counts() -> list[int]:
    """1, 2, 4, ... and all cores."""
    cores = _cores()
    return sorted({2**i for i in range(cores.bit_length()) if 2**i <= cores} | {cores})


def _cores() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
