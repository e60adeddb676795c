"""Where a compiler is, the kernels are compiled: once, into the cache, and only what is ours runs."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from weitiao.data.cache import store
from weitiao.model.fast import compiler
from weitiao.model.fast.select import kernels


def pretended(folder, act):
    """A compiler that says its version, notes each call and then does `act`."""
    file = folder / "pretended-c++"
    file.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo pretended 1.0 && exit 0\n'
        f'echo call >> {folder}/calls\nfor target; do :; done\n{act}\n'
    )  # fmt: skip
    file.chmod(0o755)
    return str(file)


def test_with_gxx_on_the_path_the_kernels_are_compiled(compiled_once, monkeypatch):
    """Never skipped: a machine with a compiler that silently runs the slow way must be noticed."""
    monkeypatch.setenv("WEITIAO_COMPILER", "")
    if shutil.which("g++"):
        assert compiler.find()
        assert compiler.library() is not None, compiler.why_not()
        assert compiler.why_not() == ""
        (file,) = (compiled_once / "kernels").glob("*.so")
        assert compiler._is_ours(file)
    elif compiler.find() is None:
        assert compiler.library() is None
        assert compiler.why_not() == "no C++ compiler"


def test_none_switches_them_off(own_kernels, monkeypatch):
    assert kernels(torch.float32).name.startswith(own_kernels)
    monkeypatch.setenv("WEITIAO_COMPILER", "none")
    assert kernels(torch.bfloat16).name == "torch"
    assert compiler.library() is None
    assert compiler.why_not() == "switched off by WEITIAO_COMPILER=none"


def test_a_compiler_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv("WEITIAO_COMPILER", "no-such-compiler")
    assert kernels(torch.float32).name == "torch"
    assert compiler.why_not() == "WEITIAO_COMPILER=no-such-compiler: no such program"


def test_a_compiler_that_fails_is_said_and_done_without(tmp_path, monkeypatch):
    broken = pretended(tmp_path, "echo 'vectors.h: no such instruction' >&2; exit 1")
    monkeypatch.setenv("WEITIAO_COMPILER", broken)
    assert compiler.find() == broken
    assert kernels(torch.float32).name == "torch"
    assert "no such instruction" in compiler.why_not()
    assert not list(store.folder("kernels").glob("*.so"))
    calls = len((tmp_path / "calls").read_text().split())
    assert compiler.library() is None
    assert len((tmp_path / "calls").read_text().split()) == calls  # not tried at every model


def test_what_was_compiled_is_taken_from_the_cache(tmp_path):
    made = pretended(tmp_path, 'echo library > "$target"')
    first = compiler._built(made)
    assert first.parent == store.folder("kernels")
    assert compiler._built(made) == first
    assert (tmp_path / "calls").read_text() == "call\n"


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows have other rights")
def test_a_library_that_others_could_have_written_is_compiled_anew(tmp_path):
    """The cache may lie in a shared folder; what is loaded from it runs."""
    made = pretended(tmp_path, 'echo library > "$target"')
    file = compiler._built(made)
    file.write_text("what another user put there")
    file.chmod(0o722)
    assert not compiler._is_ours(file)
    assert compiler._built(made) == file
    assert compiler._is_ours(file)
    assert file.read_text() == "library\n"


def test_threads_and_processes_that_start_together_compile_once(tmp_path):
    made = pretended(tmp_path, 'sleep 0.3; echo library > "$target"')
    threads = [threading.Thread(target=compiler._built, args=(made,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "calls").read_text() == "call\n"


def test_the_background_compilation_is_the_one_that_is_waited_for(tmp_path, monkeypatch):
    broken = pretended(tmp_path, "sleep 0.3; exit 1")
    monkeypatch.setenv("WEITIAO_COMPILER", broken)
    begun = time.monotonic()
    compiler.prepare()
    assert time.monotonic() - begun < 0.3  # it does not wait
    compiler.prepare()
    assert compiler.library() is None
    tries = 2 * len(compiler.NATIVE) + 1
    assert (tmp_path / "calls").read_text() == tries * "call\n"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("wait", ["compiler.library()", "time.sleep(60)", "pass"])
def test_an_interrupted_process_leaves_no_compiler_behind(wait, tmp_path):
    """Nor one that ends while the kernels, which it turned out not to need, still compile."""
    made = pretended(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child; wait")
    code = (
        "import time; from weitiao.model.fast import compiler; compiler.prepare()\n"
        f"while not open({str(tmp_path / 'child')!r}, 'a+').seek(0, 2): time.sleep(0.05)\n"
        f"print('compiling', flush=True); {wait}"
    )
    environment = os.environ | {"WEITIAO_COMPILER": made}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "compiling\n"
    if wait != "pass":
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid):
    """Whether the process is there and no zombie, which nobody may have waited for yet."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        if stat.parent.parent.joinpath("self").exists():
            return stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
    except OSError:
        return False
    return True
