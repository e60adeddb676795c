"""Hardware and environment of a run: processor, memory, threads, installed versions."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PACKAGES = (
    *("weitiao", "torch", "transformers", "tokenizers", "accelerate", "safetensors"),
    *("numpy", "pyarrow", "scikit-learn"),
)
INSTRUCTION_SETS = {  # flag in /proc/cpuinfo -> name
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "amx_tile": "AMX",
    "avx512_bf16": "bf16 (AVX512)",
    "amx_bf16": "bf16 (AMX)",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bf16",
}

SPINS = "1000"  # of waiting OpenMP threads, some 15 us; GNU's own number is 300,000


def describe() -> dict[str, Any]:
    """Versions, processor, threads and device, for environment.json."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "packages": {name: package_version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The processor's name, from the operating system."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


_highest_mb = 0.0  # of the peaks that `peak_memory_since` has forgotten


def peak_memory_mb() -> int:
    """The peak resident memory of this process, in MB."""
    return round(max(_highest_mb, _peak_mb()))


def peak_memory_since() -> float:
    """The peak resident memory in MB since the last call; where the system cannot forget a peak,
    since the process began."""
    global _highest_mb
    peak = _peak_mb()
    _highest_mb = max(_highest_mb, peak)
    with suppress(OSError):  # Linux alone; not in all containers
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM becomes VmRSS
    return peak


def _peak_mb() -> float:
    found = re.search(r"^VmHWM:\s*(\d+) kB", _read("/proc/self/status"), re.M)
    if found:
        return int(found[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 1e6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KB on Linux
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def return_memory() -> None:
    """Give what is no longer used back to the system: objects in circles, and pages that glibc
    keeps, some hundred MB after a training."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # other C libraries have no such function
            ctypes.CDLL(None).malloc_trim(0)


def wait_briefly() -> None:
    """Let threads of OpenMP that wait for others spin for microseconds only, then sleep.

    GNU's runtime spins for milliseconds, longer than a time slice of the scheduler: beside a
    busy program two threads were slower than one. Read when torch is loaded, so called before.
    """
    if not any(name in os.environ for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")):
        os.environ["GOMP_SPINCOUNT"] = SPINS


def set_threads(threads: int | None) -> None:
    """Set the number of torch's processor threads; None leaves torch's default."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def usable_cores() -> int:
    """CPU cores this process may use: its affinity, and the CPU quota of its container."""
    # os.cpu_count() is the host's, and threads beyond a container's quota are stopped in turns.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = (len(affinity(0)) if affinity else os.cpu_count()) or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()  # cgroup v2: "QUOTA PERIOD", or "max PERIOD"
    if len(quota) == 2 and quota[0].isdecimal() and quota[1].isdecimal():
        cores = min(cores, max(1, round(int(quota[0]) / int(quota[1]))))
    return cores


def memory() -> tuple[int, int]:
    """Total and free bytes of memory, within the limit of a container (cgroup v2)."""
    import psutil

    system = psutil.virtual_memory()
    total, free = system.total, system.available
    limit, used = _read("/sys/fs/cgroup/memory.max"), _read("/sys/fs/cgroup/memory.current")
    if limit.isdecimal() and used.isdecimal() and int(limit) < total:
        total, free = int(limit), min(free, int(limit) - int(used))
    return total, free


def instruction_sets() -> list[str]:
    """SIMD instruction sets that matter for training, from /proc/cpuinfo (Linux)."""
    # x86 lists them as "flags", ARM as "Features".
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", _read("/proc/cpuinfo"), re.M)
    flags = set(lines[0].split()) if lines else set()
    return [name for flag, name in INSTRUCTION_SETS.items() if flag in flags]


def package_version(name: str) -> str | None:
    """The installed version of a package; None if it is not installed."""
    from importlib import metadata  # 30 ms, which the help does not need

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
