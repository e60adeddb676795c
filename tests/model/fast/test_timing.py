"""Of every group of kernels the faster implementation of this machine runs, and is recorded."""

import json
import os
import sys
import time

import pytest
import torch

from conftest import toy_data, toy_plan
from tiny_networks import fused, network, rows
from weitiao.cli import app as cli
from weitiao.data.cache import store as cache
from weitiao.hardware import probe
from weitiao.model.fast import compiler, timing
from weitiao.model.fast.compiled import Compiled
from weitiao.model.fast.kernels import GROUPS
from weitiao.model.fast.plain import Plain
from weitiao.model.fast.select import kernels, pinned
from weitiao.run import Run
from weitiao.training.run import train


def times_of(**ratios):
    """Figures in which a compiled group takes `ratio` times as long as PyTorch (else half)."""
    seconds = {
        group: {str(n): {"c++": ratios.get(group, 0.5), "torch": 1.0} for n in timing.LENGTHS}
        for group in GROUPS
    }
    return timing.KernelTimes("library", "fp32", seconds, 0.0)


@pytest.fixture
def timed(compiled_once, monkeypatch):
    """Kernels are compiled, and the faster ones are chosen: nothing is pinned."""
    if compiled_once is None:
        pytest.skip("no C++ compiler here")
    monkeypatch.setenv("WEITIAO_COMPILER", "")
    monkeypatch.setattr(probe, "BUSY", 1.0)  # whatever else runs beside the tests
    monkeypatch.setattr(probe, "SECONDS", 0.005)
    timing._cached.cache_clear()
    yield compiler.library()
    timing._cached.cache_clear()


@pytest.mark.parametrize(
    ("ratios", "in_torch"),
    [
        ({}, ()),
        ({"attention": 1.05}, ()),  # within the noise
        ({"attention": 1.2}, ("attention",)),
        ({"attention": 9, "gelu": 2}, ("attention", "gelu")),
    ],
)
def test_pytorch_computes_what_it_is_clearly_faster_with(ratios, in_torch):
    assert times_of(**ratios).in_torch == in_torch


def test_one_length_alone_does_not_decide():
    seconds = {"16": {"c++": 2, "torch": 1}, "64": {"c++": 1, "torch": 2},
               "256": {"c++": 1, "torch": 3}}  # fmt: skip
    times = timing.KernelTimes("library", "fp32", {"attention": seconds}, 0.0)
    assert times.gain("attention") == pytest.approx(3 ** (1 / 3))
    assert times.in_torch == ()


def test_attention_that_loses_to_pytorch_is_not_used(timed, monkeypatch):
    """As g++ made it for AVX2: 9 to 17 times slower. The other kernels stay compiled."""

    def slow(owner, name):
        real = getattr(owner, name)

        def later(*args):
            time.sleep(0.05)
            return real(*args)

        monkeypatch.setattr(owner, name, later)

    slow(Compiled, "attend")
    for name in ("add_norm", "gelu", "embed"):  # whatever else runs beside the tests
        slow(Plain, name)
    own = kernels(torch.float32)
    assert own.name.startswith("c++ ")
    assert own.name.endswith(", torch: attention"), own.name
    assert isinstance(own.attend.__self__, Plain)
    assert isinstance(own.attend_back.__self__, Plain)
    assert isinstance(own.add_norm.__self__, Compiled)


@pytest.mark.parametrize("group", GROUPS)
def test_a_mixture_computes_as_the_compiled_kernels_do(group, timed, monkeypatch):
    batch, _ = rows("bert", pairs=True)
    results = []
    for name in ("c++", f"c++, torch: {group}"):
        with pinned(name):
            net = fused(network("bert"))
        assert (group in net.kernels) == (group in name)
        loss = net(batch).square().sum()
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in net.parameters() if p.grad is not None)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_times_are_measured_once_for_a_library_and_an_arithmetic(timed, monkeypatch):
    times = timing.measured(timed, torch.float32)
    assert set(times.seconds) == set(GROUPS)
    assert set(times.seconds["attention"]) == {"16", "64", "256"}
    figures = [seconds for case in times.seconds.values() for seconds in case.values()]
    assert all(0 < one[name] < 1 for one in figures for name in ("c++", "torch"))
    (file,) = cache.folder("probe").iterdir()
    timing._cached.cache_clear()
    other = times_of(attention=3)
    monkeypatch.setattr(timing, "measure", lambda *args: other)
    assert timing.measured(timed, torch.float32) == times
    assert timing.measured(timed, torch.bfloat16) == other
    for broken in ("", "{}", '{"library": "a", "dtype": "b", "seconds": {"gelu": 1}, "busy": 0}'):
        file.write_text(broken, encoding="utf-8")
        timing._cached.cache_clear()
        assert timing.measured(timed, torch.float32) == other
    timed_by_another = type("Library", (), {"_name": "/cache/kernels/another.so"})()
    assert timing.measured(timed_by_another, torch.float32) == other
    assert len(list(cache.folder("probe").iterdir())) == 3


def test_times_beside_other_programs_are_kept_for_half_an_hour(timed, monkeypatch):
    monkeypatch.setattr(probe, "BUSY", -1.0)
    times = timing.measured(timed, torch.float32)
    (file,) = cache.folder("probe").iterdir()
    monkeypatch.setattr(timing, "measure", lambda *args: other)
    other = times_of(attention=3)
    for age, found in ((1700, times), (1900, other)):
        before = time.time() - age
        os.utime(file, (before, before))
        timing._cached.cache_clear()
        assert timing.measured(timed, torch.float32) == found


@pytest.mark.slow
def test_measuring_takes_less_than_three_seconds(timed, monkeypatch):
    monkeypatch.undo()
    begun = time.perf_counter()
    timing.measure(timed, torch.float32)
    assert time.perf_counter() - begun < 3


class Cut(BaseException):
    """A crash, as the loop sees it."""


def test_a_resumed_run_uses_the_kernels_it_began_with(timed, tiny_bert, tmp_path, monkeypatch):
    """Whatever is measured by then."""
    changes = {"train.save_seconds": 0, "train.epochs": 1}
    plan = toy_plan("classification", tiny_bert, **changes)
    data = toy_data(plan, 80)
    monkeypatch.setattr(timing, "measured", lambda *args: times_of(attention=2))
    whole = Run.create(tmp_path, "whole", plan)
    train(plan, data, whole)

    def cut(progress, seconds):
        if progress.step == 3:
            raise Cut

    run = Run.create(tmp_path, "cut", plan)
    with pytest.raises(Cut):
        train(plan, data, run, watch=cut)
    state = json.loads((run.last / "state.json").read_text(encoding="utf-8"))
    assert state["settings"]["kernels"].endswith(", torch: attention")
    monkeypatch.setattr(timing, "measured", lambda *args: times_of())
    train(plan, data, run, resume=True)
    assert run.log_path.read_bytes() == whole.log_path.read_bytes()


def test_the_verb_shows_the_times_of_kernels(timed, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        timing, "measure", lambda *args: asked.append(args) or times_of(attention=4)
    )
    monkeypatch.setattr(sys, "argv", ["weitiao", "probe", "--json"])
    cli.main()
    shown = capsys.readouterr()
    values = json.loads(shown.out)
    assert values["kernels_in_torch"] == ["attention"]
    assert values["kernel_seconds"]["attention"]["64"] == {"c++": 4, "torch": 1}
    assert "attention" in shown.err
    monkeypatch.setattr(sys, "argv", ["weitiao", "probe", "--again"])
    cli.main()
    assert len(asked) == 2
