"""Just-in-time compilation of the C++ kernels, on first use, into the cache.

They are plain C functions on memory, called through ctypes: without torch's headers, compiling
takes some seconds and the result works with every torch version. A wheel may hold them compiled
(`prebuilt.py`). Without either `library` returns None, and the kernels in PyTorch are used.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import shutil
import subprocess
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from weitiao.core import fingerprint, notice
from weitiao.data.cache import checked, store
from weitiao.hardware import background
from weitiao.i18n.messages import _
from weitiao.model.fast import build, prebuilt

NATIVE = ("-march=native", "-mcpu=native")  # which one a compiler knows depends on the processor
OFF = "WEITIAO_COMPILER"  # "none" switches the compiled kernels off; else a compiler's name


def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None with the reason in `why_not()`. Waits for `prepare`."""
    return _shipped() or _compiled()[0]


def prepare() -> None:
    """Begin to compile in the background, if this machine has to; `library` waits for it."""
    compiler = find()
    if compiler and not _takes_shipped():
        _built_beside(compiler, os.getpid())


def why_not() -> str:
    """Why `library` gave None; empty when it did not."""
    if _shipped():
        return ""
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
    """Which own kernels run here: "c++" or "torch"; by which compiler, or why by none; the file of
    the library."""
    found = library()
    kernels = "torch" if found is None else "c++"
    compiler = None if _shipped() else find()
    path = None if found is None else found._name
    return {"kernels": kernels, "compiler": compiler, "why": why_not(), "library": path}


def described() -> str:
    """The same in words."""
    shipped, compiler, found = _shipped(), find(), library()
    if shipped:
        return _(
            "own kernels came compiled with the package, for {target} ({path})",
            target=prebuilt.target_of(shipped._name),
            path=shipped._name,
        )
    if found is None or compiler is None:
        return _("own kernels run in PyTorch ({why})", why=why_not())
    version = _version(compiler).partition("\n")[0]
    return _("own kernels are compiled by {compiler} ({path})", compiler=version, path=found._name)


def find() -> str | None:
    """The C++ compiler to use: $WEITIAO_COMPILER, $CXX, or the first one installed."""
    setting = os.environ.get(OFF, "")
    if setting == "none":
        return None
    names = [setting] if setting else [os.environ.get("CXX", ""), "g++", "clang++", "c++"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def _takes_shipped() -> bool:
    # Whoever names a compiler wants that one's kernels.
    return not os.environ.get(OFF) and prebuilt.library_file() is not None


def _shipped() -> ctypes.CDLL | None:
    """The library that came with the package, where it suits this processor and loads."""
    return _opened(str(prebuilt.library_file())) if _takes_shipped() else None


@functools.cache
def _opened(path: str) -> ctypes.CDLL | None:
    # torch brings the OpenMP runtime: on a machine without a compiler there may be no other.
    import torch as _torch  # noqa: F401

    try:
        return ctypes.CDLL(path)
    except OSError:  # e.g. an older C library than where it was built
        return None


def _compiled() -> tuple[ctypes.CDLL | None, str]:
    compiler = find()
    return _loaded(compiler) if compiler else (None, "")


@functools.cache
def _loaded(compiler: str) -> tuple[ctypes.CDLL | None, str]:
    try:
        with notice.during(_("compiling kernels for this machine, once")):
            path = _built_beside(compiler, os.getpid()).result()
        return ctypes.CDLL(str(path)), ""
    except subprocess.CalledProcessError as error:
        return None, _shortened(error.stderr.decode("utf-8", "replace")[-400:]) or str(error)
    except (OSError, subprocess.SubprocessError) as error:
        return None, _shortened(str(error)) or repr(error)


def _shortened(text: str) -> str:
    return " ".join(text.split())[:200]


@functools.cache
def _built_beside(compiler: str, pid: int) -> Future[Path]:
    """Compile in a thread, once in each process (pid: a fork has no threads of its parent)."""
    future: Future[Path] = Future()

    def work() -> None:
        try:
            future.set_result(_built(compiler))
        except (OSError, subprocess.SubprocessError) as error:
            future.set_exception(error)
        finally:
            future.cancel()  # nobody waits for ever after a bug; no effect on what is done

    background.start(work, "kernels")  # at an exit `build.py` ends the compiler
    return future


def _built(compiler: str) -> Path:
    from filelock import FileLock

    # The processor's flags are part of the key: machines may share the cache, and instructions of
    # another one end the process (SIGILL).
    key = fingerprint.of_texts(
        *build.contents(), _version(compiler), " ".join(build.FLAGS), _machine()
    )
    target = store.folder("kernels") / f"{key}.so"
    store.hold(_sums(target))  # the library keeps its time, by which it is known to be whole
    if not _usable(target):
        # Processes that start together compile once.
        with FileLock(target.with_name(f"{key}.lock")):
            if not _usable(target):
                with store.written(target) as sibling:
                    _compile(compiler, sibling)
                    [sizes] = checked.sums_of([sibling]).values()
                checked.write_json(_sums(target), {target.name: sizes})
    return target


def _version(compiler: str) -> str:
    command = [compiler, "--version"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    return done.stdout.decode("utf-8", "replace").strip()


def _usable(file: Path) -> bool:
    if not (file.is_file() and _is_ours(file)):
        return False
    try:
        checked.check(file.parent, checked.read_json(_sums(file)))
    except FileNotFoundError:  # of an older version
        return False
    except (OSError, ValueError):
        checked.made_again(file)
        return False
    return True


def _sums(file: Path) -> Path:
    return file.with_suffix(".sums.json")


def _is_ours(file: Path) -> bool:
    """Whether no other user can have written the file: its code will be run."""
    if not hasattr(os, "getuid"):  # Windows: the cache lies in the user's own folder
        return True
    stat = file.stat()
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o022


def _compile(compiler: str, target: Path) -> None:
    """Compile with the options that this compiler has: native instructions and OpenMP first."""
    tries = [[native, *openmp] for openmp in (["-fopenmp"], []) for native in NATIVE]
    for options in tries:
        with suppress(subprocess.CalledProcessError):
            return build.compiled(compiler, options, target)
    return build.compiled(compiler, [], target)


def _machine() -> str:
    """What -march=native depends on."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.machine() + platform.processor()
