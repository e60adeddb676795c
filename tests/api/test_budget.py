"""A budget on a fresh machine: slow one-time work does not end a run, and is not taken for pace."""

import time

import pytest

import weitiao
from conftest import toy_rows
from weitiao.data.cache import store
from weitiao.model.fast import compiler
from weitiao.training import memory
from weitiao.training.update import UpdateStep

BUDGET = 8  # seconds
SLOW = 1.5


@pytest.fixture
def slow_start(monkeypatch):
    """A fresh machine: compiling, measuring memory and the first update take long."""
    calls = []

    def slow(owner, name):
        real = getattr(owner, name)

        def once(*args, **settings):
            if name not in calls:
                calls.append(name)
                time.sleep(SLOW)
            return real(*args, **settings)

        monkeypatch.setattr(owner, name, once)

    compiler._loaded.cache_clear()
    monkeypatch.setenv("WEITIAO_COMPILER", "")
    monkeypatch.setattr(compiler, "FLAGS", ("-O0", *compiler.FLAGS[1:]))  # not the time of it
    slow(compiler, "find")
    slow(memory, "bytes_a_token")
    slow(UpdateStep, "gradients")
    yield calls
    compiler._loaded.cache_clear()


def test_a_slow_start_with_an_empty_cache_leaves_time_for_many_updates(
    slow_start, tiny_bert, tmp_path
):
    assert not any(store.folder("kernels").iterdir())
    changes = {
        "train.epochs": 500, "train.evaluations": 3, "train.batch_size": 8,
        "train.precision": "fp32", "train.micro_batch_tokens": "auto",
        "evaluate.bootstrap_samples": 20, "evaluate.baselines": False, "evaluate.findings": False,
    }  # fmt: skip
    begun = time.monotonic()
    fitted = weitiao.fit(
        toy_rows("classification", 200), task="classification", model=tiny_bert, budget=BUDGET,
        changes=changes, out=tmp_path / "runs",
    )  # fmt: skip
    took = time.monotonic() - begun
    assert {"bytes_a_token", "gradients", "find"} <= set(slow_start)
    updates = [line for line in fitted.run.history() if "loss" in line]
    assert len(updates) > 20
    assert fitted.state == "finished"
    assert took < 3 * SLOW + 3 * BUDGET  # what is not counted is the warm-up alone
