"""Kernels that come compiled with the package: only where the processor has their instructions."""

import ctypes
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from kernel_inputs import drawn, norm_of
from weitiao.model.fast import compiler, prebuilt
from weitiao.model.fast.compiled import Compiled
from weitiao.model.fast.kernels import Dropout
from weitiao.model.fast.plain import Plain

ROOT = Path(__file__).parents[3]
V3, V4, BF16 = (prebuilt.TARGETS[name][1] for name in ("x86-64-v3", "x86-64-v4", "x86-64-v4+bf16"))


@pytest.fixture
def no_memory():
    """What this process knows of the package's libraries is forgotten, before and after."""
    caches = (prebuilt._libraries, prebuilt._flags, compiler._opened)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize(
    ("flags", "target"),
    [
        ((), None),
        (("avx", "avx2", "fma"), None),
        (V3, "x86-64-v3"),
        ((*V3, "avx512f"), "x86-64-v3"),
        (V4, "x86-64-v4"),
        ((*V3, "avx512_bf16"), "x86-64-v3"),
        ((*BF16, "amx_tile"), "x86-64-v4+bf16"),
    ],
)
def test_a_processor_gets_only_what_it_has_all_instructions_of(flags, target):
    assert prebuilt.fitting_target(frozenset(flags)) == target


def pretend(folder, monkeypatch, flags=V3, sources=None):
    """A package with a library for x86-64-v3 that is none."""
    folder.mkdir()
    (folder / "0123.so").write_bytes(b"no library")
    sources = sources or prebuilt.sources_hash()
    (folder / prebuilt.CONTENTS).write_text(
        f'{{"sources": "{sources}", "libraries": {{"x86-64-v3": "0123.so"}}}}', encoding="utf-8"
    )
    monkeypatch.setattr(prebuilt, "FOLDER", folder)
    monkeypatch.setattr(prebuilt, "_flags", lambda: frozenset(flags))
    monkeypatch.setenv(compiler.OFF, "")


def test_another_processor_or_other_sources_get_none(no_memory, tmp_path, monkeypatch):
    pretend(tmp_path / "a", monkeypatch)
    assert prebuilt.library_file() == tmp_path / "a" / "0123.so"
    monkeypatch.setattr(prebuilt, "_flags", frozenset)
    assert prebuilt.library_file() is None
    pretend(tmp_path / "b", monkeypatch, sources="of another version")
    assert prebuilt.library_file() is None


def test_a_library_that_does_not_load_is_done_without(no_memory, tmp_path, monkeypatch):
    pretend(tmp_path / "a", monkeypatch)
    monkeypatch.setattr(compiler, "find", lambda: None)
    assert compiler.library() is None
    assert compiler.why_not() == "no C++ compiler"


def test_the_switch_turns_them_off_too(no_memory, tmp_path, monkeypatch):
    pretend(tmp_path / "a", monkeypatch)
    monkeypatch.setattr(compiler, "_opened", lambda path: pytest.fail("opened"))
    monkeypatch.setenv(compiler.OFF, "none")
    assert compiler.library() is None
    assert compiler.why_not() == "switched off by WEITIAO_COMPILER=none"


@pytest.mark.slow
def test_the_wheel_holds_kernels_that_compute_as_pytorch(no_memory, tmp_path, monkeypatch):
    """`make wheel`, unpacked: every library that this processor can run, and what it would take."""
    if shutil.which("g++") is None or not prebuilt._flags():
        pytest.skip("no g++ here, or not Linux on x86-64")
    source = tmp_path / "source"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".*", "benchmarks", "runs", "build")
    )
    code = (
        "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    )
    environment = os.environ | {"WEITIAO_WHEEL_KERNELS": "1", "WEITIAO_COMPILER": ""}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=source, env=environment, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert "py3-none-linux_x86_64" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    monkeypatch.setattr(
        prebuilt, "FOLDER", tmp_path / "unpacked" / "weitiao" / "model" / "fast" / "prebuilt"
    )
    libraries = prebuilt._libraries(str(prebuilt.FOLDER))
    assert set(libraries) == set(prebuilt.TARGETS)
    runnable = [
        n for n, (_, needed) in prebuilt.TARGETS.items() if prebuilt._flags() >= set(needed)
    ]
    for target in runnable:
        library = ctypes.CDLL(str(prebuilt.FOLDER / libraries[target]))
        for dtype in (torch.float32, torch.bfloat16):
            far = (
                {"rtol": 1e-4, "atol": 1e-4}
                if dtype == torch.float32
                else {"rtol": 0.05, "atol": 0.1}
            )
            own, plain = Compiled(library, dtype), Plain(dtype)
            x, branch = drawn(33, 48).to(dtype), drawn(33, 48, seed=1).to(dtype)
            torch.testing.assert_close(own.gelu(x), plain.gelu(x), **far)
            made = [k.add_norm(branch, x, norm_of(48), Dropout())[0] for k in (own, plain)]
            torch.testing.assert_close(*made, **far)
    if runnable:
        monkeypatch.setenv(compiler.OFF, "")
        monkeypatch.setenv("PATH", "")  # no compiler is needed
        monkeypatch.setenv("CXX", "")
        assert compiler.library() is not None
        assert runnable[0] in compiler.described()
        assert compiler.facts()["library"] == str(prebuilt.FOLDER / libraries[runnable[0]])
