"""Just-in-time compilation of the C++ kernels, on first use, into the cache.

They are plain C functions on memory, called through ctypes: without torch's headers, compiling
takes some seconds and the result works with every torch version. Without a compiler `library`
returns None, and the kernels in PyTorch are used.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from weitiao.core import fingerprint
from weitiao.data.cache import checked, store
from weitiao.i18n.messages import _

HERE = Path(__file__).parent
SOURCES = ("rows.cpp", "attention.cpp", "pairs.cpp")
HEADERS = ("vectors.h", "blocks.h")
# No -ffast-math: the linked startup code would flush subnormal numbers to zero in the process.
FLAGS = ("-O3", "-std=c++17", "-fPIC", "-shared", "-fno-math-errno")
NATIVE = ("-march=native", "-mcpu=native")  # which one a compiler knows depends on the processor
OFF = "WEITIAO_COMPILER"  # "none" switches the compiled kernels off; else a compiler's name
COMPILE_SECONDS = 300


def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None with the reason in `why_not()`."""
    compiler = find()
    return _loaded(compiler)[0] if compiler else None


def why_not() -> str:
    """Why `library` gave None; empty when it did not."""
    compiler = find()
    if compiler:
        return _loaded(compiler)[1]
    setting = os.environ.get(OFF, "")
    if setting == "none":
        return _("switched off by {variable}=none", variable=OFF)
    if setting:
        return _("{variable}={value}: no such program", variable=OFF, value=setting)
    return _("no C++ compiler")


def facts() -> dict[str, str | None]:
    """Which own kernels run here: "c++" or "torch"; by which compiler, or why by none."""
    kernels = "torch" if library() is None else "c++"
    return {"kernels": kernels, "compiler": find(), "why": why_not()}


def described() -> str:
    """The same in words."""
    compiler = find()
    if library() is None or compiler is None:
        return _("own kernels run in PyTorch ({why})", why=why_not())
    version = _version(compiler).partition("\n")[0]
    return _("own kernels are compiled by {compiler}", compiler=version)


@functools.cache
def _loaded(compiler: str) -> tuple[ctypes.CDLL | None, str]:
    try:
        return ctypes.CDLL(str(_built(compiler))), ""
    except (OSError, subprocess.SubprocessError) as error:
        return None, " ".join(str(error).split())[:200] or repr(error)


def find() -> str | None:
    """The C++ compiler to use: $WEITIAO_COMPILER, $CXX, or the first one installed."""
    setting = os.environ.get(OFF, "")
    if setting == "none":
        return None
    names = [setting] if setting else [os.environ.get("CXX", ""), "g++", "clang++", "c++"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def _built(compiler: str) -> Path:
    # The processor's flags are part of the key: machines may share the cache, and instructions of
    # another one end the process (SIGILL).
    content = [(HERE / name).read_text(encoding="utf-8") for name in (*HEADERS, *SOURCES)]
    key = fingerprint.of_texts(*content, _version(compiler), " ".join(FLAGS), _machine())
    target = store.folder("kernels") / f"{key}.so"
    store.hold(target.with_suffix(".sums.json"))  # the library keeps its time
    sums = target.with_suffix(".sums.json")
    if target.is_file() and _is_ours(target):
        try:
            checked.check(target.parent, checked.read_json(sums))
            return target
        except FileNotFoundError:
            pass  # of an older version
        except (OSError, ValueError):
            checked.made_again(target)
    with store.written(target) as sibling:
        _compile(compiler, sibling)
        [sizes] = checked.sums_of([sibling]).values()
    checked.write_json(sums, {target.name: sizes})
    return target


def _version(compiler: str) -> str:
    command = [compiler, "--version"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    return done.stdout.decode("utf-8", "replace").strip()


def _is_ours(file: Path) -> bool:
    """Whether no other user can have written the file: its code will be run."""
    if not hasattr(os, "getuid"):  # Windows: the cache lies in the user's own folder
        return True
    stat = file.stat()
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o022


def _compile(compiler: str, target: Path) -> None:
    """Compile with the options that this compiler has: native instructions and OpenMP first."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "kernels.so"
        tries = [[*FLAGS, native, *openmp] for openmp in (["-fopenmp"], []) for native in NATIVE]
        for flags in [*tries, [*FLAGS]]:
            command = [compiler, *flags, *(str(HERE / name) for name in SOURCES), "-o", str(made)]
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=COMPILE_SECONDS
            )
            if done.returncode == 0:
                shutil.copyfile(made, target)
                target.chmod(0o700)
                return
        raise subprocess.SubprocessError(done.stderr.decode("utf-8", "replace")[-400:])


def _machine() -> str:
    """What -march=native depends on."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.machine() + platform.processor()
