"""The machine, the process and the installed versions, as a run records them."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    *("weitiao", "torch", "transformers", "tokenizers", "accelerate", "safetensors"),
    *("numpy", "pyarrow", "scikit-learn"),
)


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
        "packages": {name: _version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The processor's name, from the operating system."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def peak_memory_mb() -> int:
    """The peak resident memory of this process, in MB."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return round(psutil.Process().memory_info().peak_wset / 1e6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KB on Linux
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def set_threads(threads: int | None) -> None:
    """Set the number of torch's processor threads; None leaves torch's default."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
