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
SLOW = 25  # compiling kernels, measuring memory, the first update: more than the budget in all
UPDATE = 0.2


@pytest.fixture
def slow_start(monkeypatch):
    """A fresh machine and a clock of its own; gives how often each thing was done."""
    clock, calls = [0.0], dict.fromkeys(("find", "bytes_a_token", "gradients"), 0)
    for module in (budget_of_a_run, fitting, single_run, budget):
        monkeypatch.setattr(module, "awake", lambda: clock[0])

    def slow(owner, name, later=0.0):
        real = getattr(owner, name)

        def counted(*args, **settings):
            calls[name] += 1
            clock[0] += SLOW if calls[name] == 1 else later
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
    return calls, clock


def test_a_slow_start_with_an_empty_cache_leaves_time_for_many_updates(
    slow_start, tiny_bert, tmp_path
):
    assert not any(store.folder("kernels").iterdir())
    changes = {
        "train.epochs": 500, "train.evaluations": 3, "train.batch_size": 8,
        "train.precision": "fp32", "train.micro_batch_tokens": "auto",
        "evaluate.bootstrap_samples": 20, "evaluate.baselines": False, "evaluate.findings": False,
    }  # fmt: skip
    fitted = weitiao.fit(
        toy_rows("classification", 200), task="classification", model=tiny_bert, budget=BUDGET,
        changes=changes, out=tmp_path / "runs",
    )  # fmt: skip
    calls, clock = slow_start
    assert all(calls.values())
    updates = [line for line in fitted.run.history() if "loss" in line]
    assert 60 <= len(updates) <= BUDGET / 4 / UPDATE + 1  # a quarter of the budget, used up
    assert fitted.state == "finished"
    assert clock[0] == pytest.approx(3 * SLOW + len(updates) * UPDATE, abs=1)
