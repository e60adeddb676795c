"""Compilation of the C++ sources into a shared library, by a compiler that never outlives us."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = ("rows.cpp", "attention.cpp", "pairs.cpp")
HEADERS = ("vectors.h", "blocks.h")
# No -ffast-math: the linked startup code would flush subnormal numbers to zero in the process.
FLAGS = ("-O3", "-std=c++17", "-fPIC", "-shared", "-fno-math-errno")
COMPILE_SECONDS = 300

_running: set[subprocess.Popen[bytes]] = set()


def contents() -> list[str]:
    """The text of headers and sources."""
    return [(HERE / name).read_text(encoding="utf-8") for name in (*HEADERS, *SOURCES)]


def compiled(compiler: str, options: Sequence[str], target: Path) -> None:
    """Compile into the file `target`. Raises subprocess.CalledProcessError, OSError."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "kernels.so"
        sources = [str(HERE / name) for name in SOURCES]
        command = [compiler, *FLAGS, *options, *sources, "-o", str(made)]
        code, errors = _run(command)
        if code:
            raise subprocess.CalledProcessError(code, command, stderr=errors)
        shutil.copyfile(made, target)
        target.chmod(0o700)


def _run(command: Sequence[str]) -> tuple[int, bytes]:
    """Exit code and stderr of a compiler."""
    # A group of its own: the compiler starts programs, and killing it alone would leave them.
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _running.add(process)
    try:
        _out, errors = process.communicate(timeout=COMPILE_SECONDS)
    except BaseException:
        _end(process)
        raise
    finally:
        _running.discard(process)
    return process.returncode, errors


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


@atexit.register
def _end_all() -> None:
    for process in list(_running):
        _end(process)
