"""Which arithmetic is taken, that it is right, and that nothing of it leaks."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
import torch

from conftest import toy_data, toy_plan
from weitiao.cli.app import main
from weitiao.data.cache import store
from weitiao.errors import PlanError, RunError
from weitiao.hardware import background, probe
from weitiao.hardware.precision import KINDS, arithmetic, has_onednn_matmul, onednn_matmul
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.training.run import train

RIGHT = {"fp32": 1e-7, "onednn": 1e-7, "bf16": 1.5e-3}
needs_route = pytest.mark.skipif(not has_onednn_matmul(), reason="this torch has no such switch")


def figures(fp32=100.0, onednn=100.0, bf16=100.0, errors=RIGHT):
    rates = {"fp32": fp32, "onednn": onednn, "bf16": bf16}
    return probe.Probe("p", 2, 2, "2", "AVX2", {}, rates, errors, {"1": 1.0, "2": 2.0}, 1e9, 0, 1)


@pytest.fixture
def fresh():
    probe._cached.cache_clear()
    yield
    probe._cached.cache_clear()


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({}, "fp32"),
        ({"bf16": 129}, "fp32"),
        ({"bf16": 131}, "bf16"),
        ({"onednn": 109}, "fp32"),
        ({"onednn": 111}, "onednn"),
        ({"bf16": 129, "onednn": 111}, "onednn"),
        ({"bf16": 400, "onednn": 220}, "bf16"),
        ({"bf16": 135, "onednn": 220}, "onednn"),
        ({"bf16": 10}, "fp32"),
    ],
)
def test_auto_takes_what_is_clearly_faster(rates, best):
    assert figures(**rates).best == best


def test_what_computes_wrong_is_never_taken():
    wrong = figures(bf16=400, onednn=220, errors={**RIGHT, "bf16": 0.02})
    assert wrong.best == "onednn"
    assert figures(bf16=400, errors={**RIGHT, "bf16": float("inf")}).best == "fp32"
    without = figures(bf16=400)
    assert dataclasses.replace(without, operations={"fp32": 100.0}).best == "fp32"


def test_sums_in_too_few_bits_are_found_wrong():
    """A product that adds up in bfloat16, as a broken kernel would."""
    tokens, weight = torch.rand(8, 1024), torch.rand(8, 1024)
    total = torch.zeros(8, 8, dtype=torch.bfloat16)
    for i in range(1024):
        total += torch.outer(tokens[:, i], weight[:, i]).bfloat16()
    assert probe._error(total, tokens, weight) > probe.MAX_ERRORS["bf16"]
    right = torch.nn.functional.linear(tokens.bfloat16(), weight.bfloat16())
    assert probe._error(right, tokens, weight) < probe.MAX_ERRORS["bf16"]


def test_what_was_measured_beside_other_programs_is_kept_for_half_an_hour(fresh, monkeypatch):
    busy, quiet = dataclasses.replace(figures(), busy=0.5), figures()
    monkeypatch.setattr(probe, "measure", lambda: busy)
    assert probe.measured() == busy
    monkeypatch.setattr(probe, "measure", lambda: quiet)
    (file,) = store.folder("probe").iterdir()
    for age, found in ((60, busy), (1700, busy), (1900, quiet), (10**6, quiet)):
        before = time.time() - age
        os.utime(file, (before, before))
        probe._cached.cache_clear()
        assert probe.measured() == found


def test_beside_other_programs_the_processor_decides_and_not_noise(monkeypatch):
    """Two processes on a busy machine took different precisions."""
    noisy = [figures(bf16=90, onednn=300), figures(bf16=300, onednn=90)]
    for names, usual in ((["AVX2"], "fp32"), (["AVX512", "bf16 (AVX512)"], "bf16")):
        monkeypatch.setattr(probe, "instruction_sets", lambda names=names: names)
        assert {dataclasses.replace(one, busy=0.2).best for one in noisy} == {usual}
    wrong = figures(errors={**RIGHT, "bf16": 0.02})
    assert dataclasses.replace(wrong, busy=0.2).best == "fp32"
    limited = dataclasses.replace(figures(), busy=0.2, switches={"ONEDNN_MAX_CPU_ISA": "AVX2"})
    assert limited.best == "fp32"


def test_nice_programs_and_stolen_time_disturb_too(monkeypatch):
    """A nice program in the background had counted as none, and slow figures were kept."""
    moments = iter([dict(nice=0.0, steal=0.0), dict(nice=1.0, steal=0.5)])

    def cpu_times():
        return SimpleNamespace(user=5.0, system=1.0, idle=9.0, **next(moments))

    monkeypatch.setattr(psutil, "cpu_times", cpu_times)
    monkeypatch.setattr(
        psutil,
        "Process",
        lambda: SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=2.0, system=0.0)),
    )
    before = probe.other_seconds()
    assert probe.other_seconds() - before == pytest.approx(1.5)


def test_a_thread_that_is_not_running_is_a_sign_of_others(monkeypatch):
    """Programs outside a container do not show in its counts."""
    monkeypatch.setattr(probe, "other_seconds", lambda: 0.0)
    monkeypatch.setattr(probe.time, "thread_time", lambda: 0.0)
    assert probe.Disturbance().proportion() == 1
    monkeypatch.setattr(probe.time, "thread_time", probe.time.perf_counter)
    assert probe.Disturbance().proportion() < 0.01


def test_a_measurement_waits_for_our_own_work_in_the_background(monkeypatch):
    """A first run compiles its kernels meanwhile, and would be the busy program itself."""
    ended, begun = [], []
    background.start(lambda: ended.append(time.sleep(0.3)), "compiling")
    real = probe.Disturbance.__init__
    monkeypatch.setattr(
        probe.Disturbance, "__init__", lambda self: (begun.append(len(ended)), real(self))[1]
    )
    monkeypatch.setattr(probe, "SECONDS", 0.0)
    probe.measure()
    assert begun == [1]


def test_this_machine_is_measured_once_and_kept(fresh, monkeypatch):
    monkeypatch.setattr(probe, "BUSY", 1.0)  # whatever else runs beside the tests
    found = probe.measured()
    assert set(found.operations) == set(found.errors) <= set(KINDS)
    assert found.errors["fp32"] < probe.MAX_ERRORS["fp32"]
    assert all(rate > 1e8 for rate in found.operations.values())
    assert "1" in found.by_threads
    monkeypatch.setattr(probe, "measure", lambda: pytest.fail("measured again"))
    probe._cached.cache_clear()
    assert probe.measured() == found
    (kept,) = store.folder("probe").iterdir()
    monkeypatch.setattr(probe, "measure", lambda: figures())
    for broken in ("", "{}", '{"processor": 1}'):  # cut off, or of another version
        kept.write_text(broken, encoding="utf-8")
        probe._cached.cache_clear()
        assert probe.measured() == figures()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # as another machine
    monkeypatch.setattr(probe, "measure", lambda: figures(bf16=9))
    assert probe.measured() == figures(bf16=9)
    assert len(list(store.folder("probe").iterdir())) == 2


@pytest.mark.slow
def test_measuring_takes_less_than_three_seconds():
    assert probe.measure().seconds < 3


@needs_route
def test_the_switch_is_put_back_whatever_it_was():
    switch = torch.backends.mkldnn.matmul
    usual = switch.fp32_precision
    with onednn_matmul():
        assert switch.fp32_precision == "bf16"
    assert switch.fp32_precision == usual
    with pytest.raises(ValueError, match="inside"), arithmetic("onednn"):
        raise ValueError("inside")
    assert switch.fp32_precision == usual
    switch.fp32_precision = "tf32"
    try:
        with onednn_matmul():
            pass
        assert switch.fp32_precision == "tf32"
    finally:
        switch.fp32_precision = usual


def test_what_is_named_stays_and_auto_is_what_is_recorded(monkeypatch):
    monkeypatch.setattr(probe, "measured", lambda: figures(bf16=400))
    assert probe.resolve("auto", "cpu") == "bf16"
    assert probe.resolve("fp32", "cpu") == "fp32"
    with probe.pinned_precision("fp32"):
        assert probe.resolve("auto", "cpu") == "fp32"
        assert probe.resolve("bf16", "cpu") == "bf16"
    assert probe.resolve("auto", "cpu") == "bf16"
    with pytest.raises(RunError, match="fp16"), probe.pinned_precision("fp16"):
        pass
    with pytest.raises(PlanError, match="onednn needs a processor"):
        probe.resolve("onednn", "cuda")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_every_arithmetic_learns_and_answers_nearly_alike(kind, layout, tiny_bert, tmp_path):
    if kind == "onednn" and not has_onednn_matmul():
        pytest.skip("this torch has no such switch")
    changes = {"train.precision": kind, "train.layout": layout}
    plan = toy_plan("classification", tiny_bert, **changes)
    data = toy_data(plan, 80)
    run = Run.create(tmp_path, kind, plan)
    outcome = train(plan, data, run)
    assert run.read("environment")["precision"] == kind
    examples = data.validation.examples()
    scores = outcome.model.scores(examples)
    exact = Model.load(run.best, precision="fp32")
    assert exact.plan.train.precision == "fp32"
    farthest = {"fp32": 0.0, "onednn": 1e-2 if rounds_to_bf16() else 2e-3, "bf16": 2e-2}[kind]
    assert abs(scores - exact.scores(examples)).max() <= farthest
    if kind == "bf16":
        assert (scores != exact.scores(examples)).any()


def rounds_to_bf16():
    """Whether oneDNN's matrix products have bf16 inputs here, as on processors with AMX."""
    torch.manual_seed(0)
    rows, weight = torch.rand(64, 256), torch.rand(256, 256)
    with onednn_matmul():
        product = torch.nn.functional.linear(rows, weight)
    return ((product - rows @ weight.T).abs() / product).max() > 1e-5


class Cut(BaseException):
    """A crash, as the loop sees it."""


def test_a_resumed_run_computes_as_it_began(tiny_bert, tmp_path, monkeypatch):
    """Whatever the probe says by then: another measurement, another machine of the same kind."""
    changes = {"train.precision": "auto", "train.save_seconds": 0, "train.epochs": 1}
    plan = toy_plan("classification", tiny_bert, **changes)
    data = toy_data(plan, 80)
    monkeypatch.setattr(probe, "measured", lambda: figures(bf16=400))
    whole = Run.create(tmp_path, "whole", plan)
    train(plan, data, whole)

    def cut(progress, seconds):
        if progress.step == 3:
            raise Cut

    run = Run.create(tmp_path, "cut", plan)
    with pytest.raises(Cut):
        train(plan, data, run, watch=cut)
    assert json.loads((run.last / "state.json").read_text())["settings"]["precision"] == "bf16"
    monkeypatch.setattr(probe, "measured", lambda: figures())
    train(plan, data, run, resume=True)
    assert run.log_path.read_bytes() == whole.log_path.read_bytes()
    assert run.read("environment")["precision"] == "bf16"

    again = Run.create(tmp_path, "impossible", plan)
    with pytest.raises(Cut):
        train(plan, data, again, watch=cut)
    state = json.loads((again.last / "state.json").read_text())
    state["settings"]["precision"] = "fp8"
    (again.last / "state.json").write_text(json.dumps(state))
    with pytest.raises(RunError, match="computed in fp8"):
        train(plan, data, again, resume=True)


def test_the_verb_tells_a_table_and_json(fresh, monkeypatch, capsys):
    monkeypatch.setattr(probe, "measure", lambda: figures(bf16=3e11, fp32=1e11, onednn=2e11))
    monkeypatch.setattr(sys, "argv", ["weitiao", "probe", "--json"])
    main()
    told = capsys.readouterr()
    values = json.loads(told.out)
    assert (values["best"], values["resolved"], values["best_threads"]) == ("bf16", "bf16", 2)
    assert "300" in told.err
    assert "auto" in told.err
    assert (values["kernels"], values["compiler"]) == ("torch", None)
    assert "own kernels run in PyTorch (switched off by WEITIAO_COMPILER=none)" in told.err
    monkeypatch.setattr(sys, "argv", ["weitiao", "--lang", "zh", "probe", "--again"])
    main()
    assert "内存" in capsys.readouterr().err


@pytest.mark.slow
def test_as_a_laptop_without_bf16_it_is_not_taken(tmp_path):
    """oneDNN told to know nothing newer than AVX2: bf16 is emulated, and the probe sees that."""
    import os

    env = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "WEITIAO_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "weitiao.cli.app", "probe", "--json"], env=env,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert json.loads(done.stdout)["best"] != "bf16"
