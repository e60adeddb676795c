"""This machine: Python, processor, memory, instruction sets, compiler, graphics card, disk."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weitiao.core.units import shown
from weitiao.hardware.machine import processor
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.model.fast import compiler
from weitiao.support.doctor.finding import Finding

LITTLE_MEMORY = 2e9  # bytes: what a small encoder needs to be trained in comfort
NO_MEMORY = 7e8  # bytes: less cannot hold torch, a small encoder and its gradients
LITTLE_DISK = 5e9  # bytes
NO_DISK = 1e9
SETS = {"avx2": "AVX2", "avx512f": "AVX512", "amx_tile": "AMX", "avx512_bf16": "bf16 (AVX512)",
        "amx_bf16": "bf16 (AMX)", "asimd": "NEON", "sve": "SVE", "bf16": "bf16"}  # fmt: skip


def findings() -> Iterator[Finding]:
    """Everything about the machine; takes about the time of importing torch."""
    yield _python()
    yield _processor()
    yield _memory()
    yield _instructions()
    yield _compiler()
    yield _graphics()
    yield from _disks()


def _python() -> Finding:
    version = platform.python_version()
    told = f"{version}, {platform.platform()}"
    values = {"python": version, "system": platform.platform(), "executable": sys.executable}
    return Finding("python", "Python", told, values=values)


def _processor() -> Finding:
    import psutil
    import torch

    cores, threads, usable = psutil.cpu_count(logical=False), torch.get_num_threads(), _usable()
    told = _("{name}; {cores} cores, {usable} usable, torch uses {threads} threads",
                name=processor(), cores=cores or "?", usable=usable, threads=threads)  # fmt: skip
    values = {"processor": processor(), "cores": cores, "usable": usable, "threads": threads}
    if threads <= usable:
        return Finding("processor", _("processor"), told, values=values)
    remedy = _("more threads than cores hinder each other: --threads {usable}", usable=usable)
    return Finding("processor", _("processor"), told, "note", remedy, values)


def _usable() -> int:
    """Processors that this process may use: what it is bound to, and what a container allows."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    allowed = bound or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdecimal() and quota[1].isdecimal():
        allowed = min(allowed, max(1, round(int(quota[0]) / int(quota[1]))))
    return allowed


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    limit, used = _read("/sys/fs/cgroup/memory.max"), _read("/sys/fs/cgroup/memory.current")
    if limit.isdecimal() and used.isdecimal() and int(limit) < total:  # a container's
        total, free = int(limit), min(free, int(limit) - int(used))
    told = _("{free} free of {total}", free=shown(free), total=shown(total))
    values = {"total": total, "free": free}
    if free >= LITTLE_MEMORY:
        return Finding("memory", _("memory"), told, values=values)
    remedy = _("close other programs; train.micro_batch_tokens=2048 needs less")
    state: Any = "problem" if free < NO_MEMORY else "note"
    return Finding("memory", _("memory"), told, state, remedy, values)


def _instructions() -> Finding:
    import torch

    flags = set(re.findall(r"^(?:flags|Features)\s*:(.*)$", _read("/proc/cpuinfo"), re.M)[:1])
    words = {word for line in flags for word in line.split()}
    found = [name for flag, name in SETS.items() if flag in words]
    used = torch.backends.cpu.get_cpu_capability()
    told = _("torch uses {used}; the processor has {found}",
                used=used, found=", ".join(found) or "?")  # fmt: skip
    values = {"used": used, "has": found}
    slow = platform.machine().lower() in ("x86_64", "amd64") and used in ("DEFAULT", "NO AVX")
    if not slow:
        return Finding("instructions", _("instruction sets"), told, values=values)
    remedy = _("without AVX2 training is several times slower; a smaller model helps")
    return Finding("instructions", _("instruction sets"), told, "note", remedy, values)


def _compiler() -> Finding:
    """Which own kernels there are; where a compiler is, they are compiled now."""
    about, told, values = _("C++ compiler"), compiler.described(), compiler.facts()
    if values["kernels"] == "c++" or os.environ.get(compiler.OFF) == "none":
        return Finding("compiler", about, told, values=values)
    remedy = _("training is faster with g++ or clang++ installed")
    return Finding("compiler", about, told, "note", remedy, values)


def _graphics() -> Finding:
    import torch

    about = _("graphics card")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        told = _("{name}, {free} free of {total}",
                    name=name, free=shown(free), total=shown(total))  # fmt: skip
        return Finding("gpu", about, told, values={"cuda": name, "free": free, "total": total})
    if torch.backends.mps.is_available():
        told = _("Apple's (MPS); weitiao uses the processor")
        return Finding("gpu", about, told, values={"mps": True})
    if shutil.which("nvidia-smi"):
        card = _first_line(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
        told = _("{name}, but this torch ({version}) cannot use it",
                    name=card or "NVIDIA", version=torch.__version__)  # fmt: skip
        remedy = _("install a build of torch with CUDA")
        return Finding("gpu", about, told, "note", remedy, {"cuda": None})
    return Finding("gpu", about, _("none; the processor is used"), values={"cuda": None})


def _disks() -> Iterator[Finding]:
    from weitiao.data.cache import prune, store
    from weitiao.errors import WeitiaoError

    try:
        root = store.root()
    except OSError as error:
        told = _("the cache cannot be made: {reason}", reason=said(error))
        remedy = _("set WEITIAO_CACHE to a folder that can be written")
        yield Finding("cache", _("cache"), told, "problem", remedy)
    else:
        size = sum(entry.size for entry in prune.entries(root))
        told = _("{size} in {folder}", size=shown(size), folder=root)
        try:
            values = {"folder": str(root), "bytes": size, "limit": prune.limit_now()}
            yield Finding("cache", _("cache"), told, values=values)
        except WeitiaoError as error:
            yield Finding("cache", _("cache"), str(error), "problem")
        yield _disk("disk_cache", _("disk of the cache"), root)
    yield _disk("disk_here", _("disk here"), Path.cwd())


def _disk(key: str, about: str, folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    told = _("{free} free of {total}", free=shown(usage.free), total=shown(usage.total))
    values = {"folder": str(folder), "free": usage.free, "total": usage.total}
    if not os.access(folder, os.W_OK):
        remedy = _("{folder} cannot be written: go to another folder", folder=folder)
        return Finding(key, about, told, "problem", remedy, values)
    if usage.free >= LITTLE_DISK:
        return Finding(key, about, told, values=values)
    remedy = _("make room: `weitiao cache clean`, or remove old runs")
    state: Any = "problem" if usage.free < NO_DISK else "note"
    return Finding(key, about, told, state, remedy, values)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=5, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.splitlines() or [""])[0].strip()
