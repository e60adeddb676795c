"""What a training on a cluster makes of Ctrl-C, of a run that has ended, and of another machine's
process. No cluster is started."""

import json
import os
import signal
import sys
from types import SimpleNamespace

import pytest

import weitiao
from conftest import toy_plan
from weitiao.api import distributed
from weitiao.cluster import train
from weitiao.errors import RunError, WeitiaoError
from weitiao.run import Run, now
from weitiao.training.run import locked


@pytest.fixture
def run(tiny_bert, tmp_path):
    return Run.create(tmp_path, "run", toy_plan("classification", tiny_bert))


@pytest.fixture
def no_cluster(monkeypatch):
    def connect(*_args):
        raise AssertionError("a cluster was asked for")

    monkeypatch.setattr(train, "connected", connect)


def test_ctrl_c_is_an_interruption_whatever_ray_makes_of_it():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), train._interruptible():
        signal.signal(signal.SIGINT, lambda *_args: sys.exit(0))  # as Ray Train does
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("state", ["finished", "early"])
def test_a_run_that_has_ended_is_not_resumed(run, no_cluster, state):
    run.write("status", {"state": state})
    with pytest.raises(WeitiaoError, match="has ended"):
        weitiao.resume_on_cluster(run.folder)


def test_a_worker_that_finds_the_run_ended_lets_the_others_end(run, monkeypatch):
    """They wait for its word, and the training for them."""
    run.write("status", {"state": "finished"})
    told = []
    monkeypatch.setattr(distributed, "announce_nothing", lambda: told.append("nothing"))
    for name in ("OMP_NUM_THREADS", "WEITIAO_LANG"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.chdir(os.getcwd())
    train._learn({"run": str(run.folder), "folder": os.getcwd(), "threads": 1, "environment": {}})
    assert told == ["nothing"]


def test_a_process_of_the_same_number_is_not_the_one_of_another_machine(run):
    run.write("status", {"state": "running", "pid": os.getpid(), "started": now(), "step": 7})
    with locked(run, main=True), pytest.raises(RunError, match="another process"):
        train._take_over(run)
    assert run.status().state == "running"
    train._take_over(run)
    assert run.status().state == "interrupted"
    assert run.status().step == 7


def test_the_command_that_goes_on_asks_for_the_same_workers(run, typed, monkeypatch):
    assert train._goes_on(run, train.Workers(3, 1, 0, 3)).endswith("--executor ray --workers 3")
    found = train._goes_on(run, train.Workers(3, 2, 0, 3))
    command = found.partition("weitiao ")[2]
    assert command.endswith("--workers 3 --threads 2")
    asked = {}

    def resume(folder, **options):
        asked.update(options)
        raise WeitiaoError("that is all")

    monkeypatch.setattr(train, "resume_on_cluster", resume)
    typed(*command.split())
    assert (asked["workers"], asked["cpus"]) == (3, 2)


def test_numbers_that_make_no_sense_are_refused(run, no_cluster):
    for numbers in ({"workers": 0}, {"tries": 0}, {"cpus": 0}):
        with pytest.raises(WeitiaoError, match="at least 1"):
            weitiao.resume_on_cluster(run.folder, **numbers)
        with pytest.raises(WeitiaoError, match="at least 1"):
            weitiao.train_on_cluster(run.plan(), **numbers)


def test_the_last_loss_is_read_from_the_end_of_a_long_log(run):
    assert train._last_loss(run) != train._last_loss(run)  # NaN
    for step in range(500):
        run.log(step=step, loss=step / 10, learning_rate=0.1)
    run.log(step=500, validation={"accuracy": 1.0})
    with run.log_path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 501, "loss": 9.0})[:-4])  # is being written
    assert train._last_loss(run) == 49.9


def test_a_cluster_that_is_gone_does_not_stop_the_progress():
    exceptions = pytest.importorskip("ray.exceptions")

    def nodes():
        raise exceptions.RayError("no answer")

    ray = SimpleNamespace(nodes=nodes, exceptions=exceptions)
    assert train._missing(ray, train.Workers(2, 1, 0, 3)) == 0
    ray.nodes = lambda: [{"Alive": True, "Resources": {"CPU": 1.0}}]
    assert train._missing(ray, train.Workers(2, 1, 0, 3)) == 1
