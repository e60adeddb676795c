"""Checks of the machine and the installation: hardware, disks, packages, terminal, model hub."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from weitiao.core.clock import awake
from weitiao.core.units import shown
from weitiao.hardware import machine as hardware
from weitiao.i18n.messages import _, language
from weitiao.i18n.system import said
from weitiao.model.fast import compiler
from weitiao.support.doctor.finding import Finding, State

if TYPE_CHECKING:
    from packaging.requirements import Requirement

LOW_MEMORY = 2e9  # bytes free: below, training a small encoder is uncomfortable
TOO_LITTLE_MEMORY = 7e8  # bytes free: cannot hold torch, a small encoder and its gradients
LOW_DISK = 5e9  # bytes free
TOO_LITTLE_DISK = 1e9
OURS = "weitiao"
DEVELOPER_EXTRAS = {"dev", "browser"}  # for work on weitiao itself
ANSWER_TIMEOUT = 4.0  # seconds for the hub's response
LOOKUP_TIMEOUT = 6.0  # seconds in all: resolving a host name has no timeout of its own
TRUE_WORDS = {"1", "on", "yes", "true"}


def findings(online: bool) -> Iterator[Finding]:
    """All checks of this machine; importing torch takes most of the time."""
    yield from hardware_findings()
    yield from installation_findings()
    yield hub_finding(online)


# --- hardware


def hardware_findings() -> Iterator[Finding]:
    """Python, processor, memory, instruction sets, compiler, graphics card, disks."""
    yield _python()
    yield _processor()
    yield _memory()
    yield _instructions()
    yield _compiler()
    yield _graphics()
    yield from _disks()


def _python() -> Finding:
    version, system = platform.python_version(), platform.platform()
    values = {"python": version, "system": system, "executable": sys.executable}
    return Finding("python", "Python", f"{version}, {system}", values=values)


def _processor() -> Finding:
    import psutil
    import torch

    name, usable = hardware.processor(), hardware.usable_cores()
    cores, threads = psutil.cpu_count(logical=False), torch.get_num_threads()
    message = _(
        "{name}; {cores} cores, {usable} usable, torch uses {threads} threads",
        name=name,
        cores=cores or "?",
        usable=usable,
        threads=threads,
    )
    values = {"processor": name, "cores": cores, "usable": usable, "threads": threads}
    if threads <= usable:
        return Finding("processor", _("processor"), message, values=values)
    remedy = _("more threads than cores slow each other down: --threads {usable}", usable=usable)
    return Finding("processor", _("processor"), message, "note", remedy, values)


def _memory() -> Finding:
    total, free = hardware.memory()
    message = _("{free} free of {total}", free=shown(free), total=shown(total))
    values = {"total": total, "free": free}
    if free >= LOW_MEMORY:
        return Finding("memory", _("memory"), message, values=values)
    remedy = _("close other programs; train.micro_batch_tokens=2048 needs less")
    state: State = "problem" if free < TOO_LITTLE_MEMORY else "note"
    return Finding("memory", _("memory"), message, state, remedy, values)


def _instructions() -> Finding:
    import torch

    available = hardware.instruction_sets()
    used = torch.backends.cpu.get_cpu_capability()
    message = _(
        "torch uses {used}; the processor has {available}",
        used=used,
        available=", ".join(available) or "?",
    )
    values = {"used": used, "has": available}
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    if not (x86 and used in ("DEFAULT", "NO AVX")):
        return Finding("instructions", _("instruction sets"), message, values=values)
    remedy = _("without AVX2 training is several times slower; a smaller model helps")
    return Finding("instructions", _("instruction sets"), message, "note", remedy, values)


def _compiler() -> Finding:
    """Which own kernels run; compiles them if there is a compiler."""
    subject, message, values = _("C++ compiler"), compiler.described(), compiler.facts()
    if compiler.library() is not None or os.environ.get(compiler.OFF) == "none":
        return Finding("compiler", subject, message, values=values)
    remedy = _("training is faster with g++ or clang++ installed")
    return Finding("compiler", subject, message, "note", remedy, values)


def _graphics() -> Finding:
    import torch

    subject = _("graphics card")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        message = _(
            "{name}, {free} free of {total}", name=name, free=shown(free), total=shown(total)
        )
        values = {"cuda": name, "free": free, "total": total}
        return Finding("gpu", subject, message, values=values)
    if torch.backends.mps.is_available():
        message = _("Apple's (MPS); weitiao uses the processor")
        return Finding("gpu", subject, message, values={"mps": True})
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        message = _(
            "{name}, but this torch ({version}) cannot use it",
            name=_first_line(query) or "NVIDIA",
            version=torch.__version__,
        )
        remedy = _("install a build of torch with CUDA")
        return Finding("gpu", subject, message, "note", remedy, {"cuda": None})
    return Finding("gpu", subject, _("none; the processor is used"), values={"cuda": None})


def _disks() -> Iterator[Finding]:
    from weitiao.data.cache import prune, store
    from weitiao.errors import WeitiaoError

    try:
        root = store.root()
    except OSError as error:
        message = _("the cache cannot be created: {reason}", reason=said(error))
        remedy = _("set WEITIAO_CACHE to a folder that can be written")
        yield Finding("cache", _("cache"), message, "problem", remedy)
    else:
        size = sum(entry.size for entry in prune.entries(root))
        message = _("{size} in {folder}", size=shown(size), folder=root)
        try:
            values = {"folder": str(root), "bytes": size, "limit": prune.limit_now()}
            yield Finding("cache", _("cache"), message, values=values)
        except WeitiaoError as error:
            yield Finding("cache", _("cache"), str(error), "problem")
        yield _disk("disk_cache", _("disk of the cache"), root)
    yield _disk("disk_here", _("disk here"), Path.cwd())


def _disk(key: str, subject: str, folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    message = _("{free} free of {total}", free=shown(usage.free), total=shown(usage.total))
    values = {"folder": str(folder), "free": usage.free, "total": usage.total}
    if not os.access(folder, os.W_OK):
        remedy = _("{folder} cannot be written: go to another folder", folder=folder)
        return Finding(key, subject, message, "problem", remedy, values)
    if usage.free >= LOW_DISK:
        return Finding(key, subject, message, values=values)
    remedy = _("free some space: `weitiao cache clean`, or remove old runs")
    state: State = "problem" if usage.free < TOO_LITTLE_DISK else "note"
    return Finding(key, subject, message, state, remedy, values)


def _first_line(command: list[str]) -> str:
    try:
        process = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (process.stdout.splitlines() or [""])[0].strip()


# --- packages and terminal


def installation_findings() -> Iterator[Finding]:
    """Required packages, extras, terminal."""
    yield _packages()
    for extra, requirements in extras().items():
        missing = _unmet(requirements)
        subject = _("extra {name}", name=extra)
        values = {"extra": extra, "missing": missing}
        if not missing:
            yield Finding(f"extra_{extra}", subject, _("installed"), values=values)
            continue
        message = _("not installed: {packages}", packages=", ".join(missing))
        remedy = f'pip install "{OURS}[{extra}]"'
        yield Finding(f"extra_{extra}", subject, message, "note", remedy, values)
    yield _terminal()


def extras() -> dict[str, list[Requirement]]:
    """Extra -> requirements; without those for developers and those that only name others."""
    requirements, by_extra = _requirements(), {}
    for extra in metadata.metadata(OURS).get_all("Provides-Extra") or []:
        own = [
            requirement
            for requirement in requirements
            if requirement.marker is not None
            and requirement.marker.evaluate({"extra": extra})
            and not requirement.marker.evaluate({"extra": ""})
        ]
        if extra not in DEVELOPER_EXTRAS and any(one.name != OURS for one in own):
            by_extra[extra] = own
    return by_extra


def _requirements() -> list[Requirement]:
    from packaging.requirements import Requirement

    return [Requirement(line) for line in metadata.metadata(OURS).get_all("Requires-Dist") or []]


def _packages() -> Finding:
    required = [n for n in _requirements() if n.marker is None or n.marker.evaluate({"extra": ""})]
    missing = _unmet(required)
    versions = {name: hardware.package_version(name) for name in hardware.PACKAGES}
    subject, values = _("packages"), {"packages": versions, "missing": missing}
    if missing:
        message = _("missing or of another version: {packages}", packages=", ".join(missing))
        remedy = f"pip install --upgrade {OURS}"
        return Finding("packages", subject, message, "problem", remedy, values)
    message = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Finding("packages", subject, message, values=values)


def _unmet(requirements: list[Requirement]) -> list[str]:
    """Names of missing packages; those of an unsuitable version with the version."""
    unmet = []
    for requirement in requirements:
        version = hardware.package_version(requirement.name)
        if version is None:
            unmet.append(requirement.name)
        elif not requirement.specifier.contains(version, prereleases=True):
            unmet.append(f"{requirement.name} {version}")
    return unmet


def _terminal() -> Finding:
    encoding = getattr(sys.stderr, "encoding", None) or "?"
    variables = ("LC_ALL", "LC_CTYPE", "LANG")
    environment = next((os.environ[n] for n in variables if os.environ.get(n)), "")
    message = _(
        "writes {encoding}, locale {locale}, language {language}",
        encoding=encoding,
        locale=environment or locale.getlocale()[0] or "C",
        language=language(),
    )
    values = {"encoding": encoding, "locale": environment, "language": language()}
    try:
        "微调，".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        remedy = _("Chinese cannot be shown here: set PYTHONUTF8=1 (Windows: chcp 65001)")
        return Finding("terminal", _("terminal"), message, "note", remedy, values)
    return Finding("terminal", _("terminal"), message, values=values)


# --- the model hub


def hub_finding(online: bool) -> Finding:
    """Whether checkpoints can be downloaded from the hub or the mirror in HF_ENDPOINT."""
    from huggingface_hub import constants

    subject, endpoint = _("model hub"), constants.ENDPOINT
    mirror = _("{endpoint} (HF_ENDPOINT)", endpoint=endpoint)
    address = mirror if os.environ.get("HF_ENDPOINT") else endpoint
    values: dict[str, Any] = {"endpoint": endpoint, "reachable": None}
    if not online:
        message = _("{endpoint}: not tried (--offline)", endpoint=address)
        return Finding("hub", subject, message, values=values)
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in TRUE_WORDS:
        message = _("{endpoint}: not used, HF_HUB_OFFLINE is set", endpoint=address)
        remedy = _("unset HF_HUB_OFFLINE to download other checkpoints")
        return Finding("hub", subject, message, "note", remedy, values)
    start = awake()
    failure = _failure(endpoint)
    seconds = awake() - start
    values |= {"reachable": not failure, "seconds": round(seconds, 2)}
    if not failure:
        message = _(
            "{endpoint}: answers in {seconds} s", endpoint=address, seconds=f"{seconds:.1f}"
        )
        return Finding("hub", subject, message, values=values)
    message = _("{endpoint}: cannot be reached ({reason})", endpoint=address, reason=failure)
    remedy = _(
        "the offline models need no network; HF_ENDPOINT names a mirror, HTTPS_PROXY a proxy"
    )
    return Finding("hub", subject, message, "note", remedy, values)


def _failure(address: str) -> str:
    """Why the address does not answer, or ""."""
    # In a thread of its own: urlopen's timeout does not cover the look-up of the host name, which
    # may take minutes behind some firewalls.
    failures: list[str] = []
    thread = threading.Thread(target=lambda: failures.append(_request(address)), daemon=True)
    thread.start()
    thread.join(LOOKUP_TIMEOUT)
    return failures[0] if failures else _("no answer in {seconds} s", seconds=round(LOOKUP_TIMEOUT))


def _request(address: str) -> str:
    try:
        with urlopen(Request(address, method="HEAD"), timeout=ANSWER_TIMEOUT):
            return ""
    except HTTPError as error:  # the server answered, even if it refused this request
        return "" if error.code < 500 else f"HTTP {error.code}"
    except URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
