"""Kernel benchmark: compiled kernels against PyTorch on this machine; the faster one is used.

Each group of kernels (forward and backward) is timed at several sequence lengths, in about a second
for a precision. The times are cached next to those of `hardware/probe.py`. They belong to the
machine, the number of threads, and the library: its sources, compiler, version and flags.
"""

from __future__ import annotations

import ctypes
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weitiao.core import fingerprint, notice
from weitiao.data.cache import checked, store
from weitiao.hardware import probe
from weitiao.i18n.messages import _
from weitiao.model.fast.compiled import DTYPE_NAMES, Compiled
from weitiao.model.fast.kernels import GROUPS, Dropout, EmbeddingTables, NormParams
from weitiao.model.fast.plain import Plain
from weitiao.model.packed import Packing

VERSION = 2  # of the file in the cache; raise it when the measuring changes
LENGTHS = (16, 64, 256)  # tokens of a sequence
TOKENS, HEADS, WIDTH, VOCABULARY = 512, 12, 384, 1000  # a batch of a small encoder
DROPOUT = Dropout(0.1, seed=1, stream=1)
GAIN = 1.1  # how much faster PyTorch must be to replace a compiled kernel
COMPILED, TORCH = "c++", "torch"

Times = Mapping[str, float]  # seconds by implementation


@dataclass(frozen=True)
class KernelTimes:
    """Seconds of every group of kernels, by length (by the batch, where length does not matter)."""

    library: str
    dtype: str
    seconds: Mapping[str, Mapping[str, Times]]  # group -> tokens -> implementation -> seconds
    busy: float  # how much other programs disturbed: see `probe.BUSY`

    def gain(self, group: str) -> float:
        """How many times as fast as PyTorch the compiled kernels are: geometric mean of lengths."""
        cases = self.seconds[group].values()
        return math.exp(sum(math.log(one[TORCH] / one[COMPILED]) for one in cases) / len(cases))

    @property
    def in_torch(self) -> tuple[str, ...]:
        """The groups that PyTorch computes clearly faster here; none where other programs made the
        times unreliable."""
        if self.busy > probe.BUSY:
            return ()
        return tuple(group for group in self.seconds if self.gain(group) * GAIN < 1)


def measured(library: ctypes.CDLL, dtype: torch.dtype, *, anew: bool = False) -> KernelTimes:
    """The times on this machine with the threads in use: from the cache, else measured now."""
    key = json.dumps([probe.machine_key(), Path(library._name).stem, DTYPE_NAMES[dtype], VERSION])
    if anew:
        _cache_path(key).unlink(missing_ok=True)
        _cached.cache_clear()
    return _cached(key, library, dtype)


@once
def _cached(key: str, library: ctypes.CDLL, dtype: torch.dtype) -> KernelTimes:
    path = _cache_path(key)
    try:
        times = KernelTimes(**checked.read_json(path))
        _unused = times.in_torch  # raises where something is missing
        probe.keep(path, times.busy)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        with notice.during(_("measuring this machine: kernels")):
            times = measure(library, dtype)
        with suppress(OSError):  # a full disk: measured again the next time
            checked.write_json(path, asdict(times))
    return times


def _cache_path(key: str) -> Path:
    return store.folder("probe") / f"{fingerprint.of_texts(key)}.json"


def measure(library: ctypes.CDLL, dtype: torch.dtype) -> KernelTimes:
    """Time every group in both implementations now."""
    disturbance = probe.Disturbance()
    implementations = {COMPILED: Compiled(library, dtype), TORCH: Plain(dtype)}
    seconds: dict[str, dict[str, Times]] = {group: {} for group in GROUPS}
    with torch.no_grad():
        for group, tokens, run in _cases(dtype):
            bound = {name: _bound(run, one) for name, one in implementations.items()}
            seconds[group][str(tokens)] = probe.least_seconds(bound)
    stem = Path(library._name).stem
    return KernelTimes(stem, DTYPE_NAMES[dtype], seconds, disturbance.proportion())


def _bound(run: Callable[[Any], object], kernels: Any) -> Callable[[], object]:
    return lambda: run(kernels)


def _cases(dtype: torch.dtype) -> Iterator[tuple[str, int, Callable[[Any], object]]]:
    """Group, tokens of a sequence or of the batch, and what is timed: forward and backward."""
    generator = torch.Generator().manual_seed(0)  # the global generator is not touched

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    norm = NormParams(torch.ones(WIDTH), torch.zeros(WIDTH), 1e-12)
    qkv, dy = random(TOKENS, 3 * WIDTH).to(dtype), random(TOKENS, WIDTH).to(dtype)
    q, k, v = qkv.chunk(3, 1)
    into = torch.empty_like(qkv).chunk(3, 1)
    for length in LENGTHS:
        packing = Packing(torch.full((TOKENS // length,), length))

        def attention(kernels: Any, packing: Packing = packing) -> None:
            _, state = kernels.attend(q, k, v, packing, HEADS, DROPOUT)
            kernels.attend_back(dy, q, k, v, into, state, packing, HEADS, DROPOUT)

        yield "attention", length, attention

    x, residual = random(TOKENS, WIDTH).to(dtype), random(TOKENS, WIDTH).to(dtype)

    def add_norm(kernels: Any) -> None:
        _, state = kernels.add_norm(x, residual, norm, DROPOUT)
        kernels.add_norm_back(dy, None, state, norm, DROPOUT)

    raised = random(TOKENS, 4 * WIDTH).to(dtype)

    def gelu(kernels: Any) -> None:
        kernels.gelu_back(kernels.gelu(raised), raised)

    tables = EmbeddingTables(random(VOCABULARY, WIDTH), random(TOKENS, WIDTH), None, norm)
    ids = torch.randint(VOCABULARY, (TOKENS,), generator=generator)

    def embed(kernels: Any) -> None:
        _, state = kernels.embed(ids, torch.arange(TOKENS), None, tables, DROPOUT)
        kernels.embed_back(dy, state, norm, DROPOUT)

    yield from (("add_norm", TOKENS, add_norm), ("gelu", TOKENS, gelu), ("embed", TOKENS, embed))
