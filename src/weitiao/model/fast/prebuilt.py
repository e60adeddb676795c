"""Compiled kernels inside the wheel, for machines without a compiler: which file suits this one.

`make wheel` builds a library for each of TARGETS into the folder `prebuilt`. A processor gets the
first whose instructions it has all of: any other one would end the process (SIGILL).
"""

from __future__ import annotations

import functools
import json
import platform
import re
from pathlib import Path

from weitiao.core import fingerprint
from weitiao.model.fast import build

FOLDER = Path(__file__).parent / "prebuilt"
CONTENTS = "contents.json"  # {"sources": hash, "libraries": {target: file name}}

# Flags as in /proc/cpuinfo; those of the levels are from the x86-64 psABI ("abm" has LZCNT).
_V3 = ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
# Target -> options of the compiler, flags that the processor needs; the fastest first.
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "x86-64-v4+bf16": (("-march=x86-64-v4", "-mavx512bf16"), (*_V4, "avx512_bf16")),
    "x86-64-v4": (("-march=x86-64-v4",), _V4),
    "x86-64-v3": (("-march=x86-64-v3",), _V3),
}


def fitting_target(flags: frozenset[str]) -> str | None:
    """The best target for a processor with these flags."""
    return next((name for name, (_, needed) in TARGETS.items() if flags.issuperset(needed)), None)


def library_file() -> Path | None:
    """The library in this package for this processor; None if it holds none, or one of other
    sources."""
    target = fitting_target(_flags())
    libraries = _libraries(str(FOLDER))
    return FOLDER / libraries[target] if target in libraries else None


def target_of(path: str) -> str:
    """The target that a library of this package was built for."""
    names = {name: target for target, name in _libraries(str(FOLDER)).items()}
    return names.get(Path(path).name, "?")


@functools.cache
def _libraries(folder: str) -> dict[str, str]:
    try:
        contents = json.loads((Path(folder) / CONTENTS).read_text(encoding="utf-8"))
        libraries: dict[str, str] = contents["libraries"]
        return libraries if contents["sources"] == sources_hash() else {}
    except (OSError, ValueError, KeyError):
        return {}


def sources_hash() -> str:
    """Hash of the sources, with which a library is known to be theirs."""
    return fingerprint.of_texts(*build.contents(), " ".join(build.FLAGS))


@functools.cache
def _flags() -> frozenset[str]:
    """The instructions of this processor, by the names of Linux; none elsewhere."""
    info = Path("/proc/cpuinfo")
    if platform.machine() not in ("x86_64", "AMD64") or not info.is_file():
        return frozenset()
    line = re.search(r"^flags\s*:(.*)$", info.read_text(encoding="utf-8", errors="replace"), re.M)
    return frozenset(line[1].split()) if line else frozenset()


def make(folder: Path, compiler: str) -> None:
    """Compile a library for every target into `folder`. Raises subprocess.SubprocessError."""
    folder.mkdir(parents=True, exist_ok=True)
    libraries = {}
    for target, (options, _needed) in TARGETS.items():
        # The name of the kernels in checkpoints is the beginning of the file's name.
        key = fingerprint.of_texts(sources_hash(), *options)
        build.compiled(compiler, [*options, "-fopenmp"], folder / f"{key}.so")
        libraries[target] = f"{key}.so"
    contents = {"sources": sources_hash(), "libraries": libraries}
    (folder / CONTENTS).write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
