"""A budget on a fresh machine: slow one-time work does not end a run, and is not taken for pace."""

import functools

import pytest

import weitiao
from conftest import toy_rows
from weitiao.api import budget as budget_of_a_run
from weitiao.api import fit as fitting
from weitiao.api import single_run
from weitiao.data.cache import store
from weitiao.model.fast import build, compiler
from weitiao.training import budget, memory
from weitiao.training.update import UpdateStep

BUDGET = 60  # seconds, by a clock that stands still but for what is below
UPDATE = 0.2


@pytest.fixture
def slow_start(monkeypatch):
    """A fresh machine and a clock of its own: called with the seconds that compiling kernels,
    measuring memory and the first update take each, gives how often each was done, and the clock.
    """
    first = [0.0]
    clock, calls = [0.0], dict.fromkeys(("find", "bytes_a_token", "gradients"), 0)
    for module in (budget_of_a_run, fitting, single_run, budget):
        monkeypatch.setattr(module, "awake", lambda: clock[0])

    def slow(owner, name, later=0.0):
        real = getattr(owner, name)

        def counted(*args, **settings):
            calls[name] += 1
            clock[0] += first[0] if calls[name] == 1 else later
            return real(*args, **settings)

        monkeypatch.setattr(owner, name, counted)

    # Not the library that other tests have compiled, and they keep theirs.
    monkeypatch.setattr(compiler, "_loaded", functools.cache(compiler._loaded.__wrapped__))
    again = functools.cache(compiler._built_beside.__wrapped__)
    monkeypatch.setattr(compiler, "_built_beside", again)
    monkeypatch.setattr(build, "FLAGS", ("-O0", *build.FLAGS[1:]))
    monkeypatch.setenv("WEITIAO_COMPILER", "")
    slow(compiler, "find")
    slow(memory, "bytes_a_token")
    slow(UpdateStep, "gradients", UPDATE)

    def begin(seconds):
        first[0] = seconds
        return calls, clock

    return begin


def fit(tiny_bert, tmp_path):
    changes = {
        "train.epochs": 500, "train.evaluations": 3, "train.batch_size": 8,
        "train.precision": "fp32", "train.micro_batch_tokens": "auto",
        "evaluate.bootstrap_samples": 20, "evaluate.baselines": False, "evaluate.findings": False,
    }  # fmt: skip
    assert not any(store.folder("kernels").iterdir())
    fitted = weitiao.fit(
        toy_rows("classification", 200), task="classification", model=tiny_bert, budget=BUDGET,
        changes=changes, out=tmp_path / "runs",
    )  # fmt: skip
    updates = [line for line in fitted.run.history() if "loss" in line]
    assert fitted.state == "finished"
    return fitted, len(updates)


def test_a_slow_start_with_an_empty_cache_leaves_time_for_many_updates(
    slow_start, tiny_bert, tmp_path
):
    calls, clock = slow_start(12)
    _, updates = fit(tiny_bert, tmp_path)
    assert all(calls.values())
    assert updates >= 60
    assert clock[0] == pytest.approx(3 * 12 + updates * UPDATE, abs=1)
    assert clock[0] <= BUDGET


def test_a_start_that_takes_the_whole_budget_leaves_the_linear_model(
    slow_start, tiny_bert, tmp_path
):
    _, clock = slow_start(30)
    fitted, updates = fit(tiny_bert, tmp_path)
    assert updates <= 2
    assert clock[0] <= 1.1 * BUDGET + 35  # what had begun cannot be cut
    assert fitted.metrics["accuracy"] > 0.5
