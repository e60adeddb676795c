"""What this machine is fastest with: measured once, in about a second, and kept in the cache.

`resolve` turns what a plan asks for into an arithmetic. `auto` takes the fastest one here that
computes right; a run writes down what it took, and goes on with that.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import linear

from weitiao.core import fingerprint
from weitiao.data.cache import store
from weitiao.errors import PlanError, RunError
from weitiao.hardware.machine import processor
from weitiao.hardware.precision import KINDS, has_onednn_matmul, onednn_matmul
from weitiao.i18n.messages import _

VERSION = 2  # of what is kept; raise it when the measuring changes
SWITCHES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
GAINS = {"bf16": 1.3, "onednn": 1.1}  # how much faster than fp32 each must be to be taken
FARTHEST = {"fp32": 1e-5, "onednn": 5e-3, "bf16": 5e-3}  # from the product in fp64, relative
TOKENS, WIDTH, INNER = 512, 384, 1536  # the products of a small encoder
SECONDS = 0.12  # for one comparison
FEWEST = 3  # rounds, however slow
HOPELESS = 3.0  # times the best time: not tried again
BUSY = 0.25  # share of the processors that others may have: more, and nothing is kept
COPIED = 25_000_000  # numbers: more than a processor's own memory

_recorded: ContextVar[str | None] = ContextVar("recorded", default=None)


@dataclass(frozen=True)
class Probe:
    """What was measured. operations: a second, of each arithmetic; errors: beside fp64."""

    processor: str
    cores: int
    threads: int
    torch: str
    instructions: str
    switches: Mapping[str, str]
    operations: Mapping[str, float]
    errors: Mapping[str, float]
    by_threads: Mapping[str, float]  # operations a second of the best one, by number of threads
    bytes: float  # read and written a second
    busy: float  # share of the processors that other programs had meanwhile
    seconds: float  # that the measuring took

    @property
    def best(self) -> str:
        """The arithmetic `auto` takes: clearly faster than fp32, not slower than another."""
        usable = [
            kind
            for kind, least in GAINS.items()
            if self.gain(kind) >= least and self.errors[kind] <= FARTHEST[kind]
        ]
        return max(usable, key=self.gain, default="fp32")

    @property
    def best_threads(self) -> int:
        """The number of threads that was fastest."""
        return int(max(self.by_threads, key=lambda count: self.by_threads[count]))

    def gain(self, kind: str) -> float:
        """How many times as fast as fp32; 0 for one that cannot be had."""
        return self.operations.get(kind, 0.0) / self.operations["fp32"]


def resolve(precision: str, device: str | None = None) -> str:
    """`auto` as one of fp32, onednn, bf16; what is named stays, inside `obeying` what is recorded.

    device: "cpu" or "cuda"; what networks run on here if left out. Raises PlanError when the plan
    names what cannot be had.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kept = _recorded.get()
    if kept and precision == "auto":
        return kept
    if precision == "onednn" and (device != "cpu" or not has_onednn_matmul()):
        told = _("train.precision: onednn needs a processor and torch 2.9 or newer; here there "
                    "are fp32 and bf16.")  # fmt: skip
        raise PlanError([told])
    if precision != "auto":
        return precision
    if device == "cuda":  # older cards than Ampere would need fp16, whose losses must be scaled
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return measured().best if device == "cpu" else "fp32"


@contextmanager
def obeying(kind: str) -> Iterator[None]:
    """Let `auto` be `kind` inside: what a run has written down. Raises RunError when impossible."""
    cuda = torch.cuda.is_available()
    possible = kind in KINDS and (kind != "onednn" or has_onednn_matmul())
    if kind == "bf16" and cuda:
        possible = torch.cuda.is_bf16_supported()
    if not possible:
        raise RunError(
            _(
                "this run was computed in {kind}, which this machine or this torch does not have: "
                "go on where it began, or start anew.",
                kind=kind,
            )
        )
    token = _recorded.set(kind)
    try:
        yield
    finally:
        _recorded.reset(token)


def measured(*, anew: bool = False) -> Probe:
    """The figures of this machine with the threads in use: from the cache, else measured now."""
    key = json.dumps(_key())
    if anew:
        _place(key).unlink(missing_ok=True)
        _kept.cache_clear()
    return _kept(key)


@once
def _kept(key: str) -> Probe:
    path = _place(key)
    try:
        found = Probe(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        found = measure()
        if found.busy <= BUSY:  # else the next process measures anew
            with store.written(path) as file:
                file.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    else:
        store.touch(path)
    return found


def _place(key: str) -> Path:
    return store.folder("probe") / f"{fingerprint.of_texts(key)}.json"


def measure() -> Probe:
    """Measure now."""
    begun, others = time.perf_counter(), other_seconds()
    generator = torch.Generator().manual_seed(0)  # nobody else's numbers change
    tokens = torch.rand(TOKENS, WIDTH, generator=generator)
    weight = torch.rand(INNER, WIDTH, generator=generator)
    acts = _acts(tokens, weight)
    work = 3 * 2 * TOKENS * WIDTH * INNER
    with torch.no_grad():
        errors = {kind: _error(act(), tokens, weight) for kind, act in acts.items()}
        operations = {kind: work / seconds for kind, seconds in least_seconds(acts).items()}
        best = max(operations, key=lambda kind: operations[kind])
        by_threads = {
            str(count): work / _with_threads(count, acts[best]) for count in _thread_counts()
        }
        big = torch.zeros(COPIED)
        copying = least_seconds({"copy": lambda: big.add_(1.0)})["copy"]
    seconds = time.perf_counter() - begun
    return Probe(
        **machine_key(),
        operations=operations,
        errors=errors,
        by_threads=by_threads,
        bytes=2 * big.nbytes / copying,
        busy=round(max(other_seconds() - others, 0.0) / seconds / (os.cpu_count() or 1), 2),
        seconds=round(seconds, 2),
    )


def _key() -> dict[str, dict[str, Any]]:
    """All that the figures depend on."""
    return {"machine": machine_key(), "measuring": {"version": VERSION}}


def machine_key() -> dict[str, Any]:
    """The machine, the threads in use and the torch that times belong to."""
    return {
        "processor": processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def _acts(tokens: torch.Tensor, weight: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
    """The three products of one linear layer, forward and backward, in each arithmetic."""
    slope = torch.rand(TOKENS, INNER, generator=torch.Generator().manual_seed(1))

    def learn(x: torch.Tensor, w: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        _ = g @ w, g.t() @ x
        return linear(x, w)

    half = [t.bfloat16() for t in (tokens, weight, slope)]

    def through_onednn() -> torch.Tensor:
        with onednn_matmul():
            return learn(tokens, weight, slope)

    found = {"fp32": lambda: learn(tokens, weight, slope), "bf16": lambda: learn(*half)}
    return {**found, "onednn": through_onednn} if has_onednn_matmul() else found


def _error(found: torch.Tensor, tokens: torch.Tensor, weight: torch.Tensor) -> float:
    """How far a product is from the one in fp64. All factors are positive, so that sums which are
    kept in too few bits show."""
    wanted = linear(tokens.double(), weight.double())
    error = float((found.double() - wanted).norm() / wanted.norm())
    return error if error == error else float("inf")


def least_seconds(acts: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The least time of each act, measured in turns: other programs disturb all alike."""
    best = dict.fromkeys(acts, 0.0)  # unknown: tried by all means
    begun, rounds = time.perf_counter(), 0
    while rounds < FEWEST or time.perf_counter() - begun < SECONDS * len(acts):
        for name, act in acts.items():
            if best[name] > HOPELESS * min(best.values()) > 0:
                continue
            start = time.perf_counter()
            act()
            best[name] = min(best[name] or float("inf"), time.perf_counter() - start)
        rounds += 1
    return best


def other_seconds() -> float:
    """Seconds of all processors that went to other programs, since some moment."""
    import psutil

    everyone, own = psutil.cpu_times(), psutil.Process().cpu_times()
    return float(everyone.user + everyone.system - own.user - own.system)


def _with_threads(count: int, act: Callable[[], object]) -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return least_seconds({"act": act})["act"]
    finally:
        torch.set_num_threads(before)


def _thread_counts() -> list[int]:
    """1, 2, 4, ... and all cores."""
    cores = _cores()
    return sorted({2**i for i in range(cores.bit_length()) if 2**i <= cores} | {cores})


def _cores() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
