"""What a machine of a cluster makes of a training of a search. No cluster is started."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from conftest import toy_data, toy_plan
from weitiao.api.tune_trials import Trainings
from weitiao.cluster import connect, tune
from weitiao.core.clock import awake
from weitiao.errors import WeitiaoError
from weitiao.planfile.search_space import dimension
from weitiao.tuning.objective import OutOfTime, OverLimit, Result, Unreached
from weitiao.tuning.records import Trial
from weitiao.tuning.space import space_of


class Died(Exception):
    """The error of a task whose machine died."""


@dataclass(eq=False)
class Task:
    trained: Callable
    job: dict

    @property
    def number(self):
        return self.job["trial"]["number"]


@pytest.fixture
def search(tiny_bert, tmp_path, monkeypatch):
    """What the command sends along, and its own trainings of the same rows."""
    monkeypatch.chdir(tmp_path)
    plan = toy_plan("classification", tiny_bert, **{"train.epochs": 1, "train.evaluations": 1})
    data = toy_data(plan)
    space = space_of(plan, [dimension("train.learning_rate", [1e-4, 1e-3])])
    monkeypatch.setattr("weitiao.data.prepare.load.load", lambda *_args: data)
    (tmp_path / "tuning").mkdir()
    sent = {
        "plan": plan.model_dump(mode="json"),
        "dimensions": space.dimensions,
        "rows": data.fingerprint,
        "trials": str(tmp_path / "tuning" / "there"),
        "folder": os.getcwd(),
        "threads": 1,
    }
    return sent, Trainings(space, data, tmp_path / "tuning" / "here")


def job(**more):
    trial = Trial(1, {"train.learning_rate": "0.001"}, {"train.learning_rate": 1e-3}, 1.0)
    return {"trial": trial.plain(), "seconds": 1e6, **more}, trial


def test_a_training_there_is_that_of_this_process(search):
    sent, trainings = search
    wanted, trial = job(epochs=1.0)
    name, there = tune._trained(sent, wanted)
    here = trainings.reach(trial, 1.0, math.inf)
    assert name == "done"
    assert {**there, "seconds": here.seconds} == vars(here)
    assert trainings.reach(trial, 1.0, math.inf) == here, "a second call trains nothing"
    name, there = tune._trained(sent, job(seed=7)[0])
    assert (name, there["score"]) == ("done", trainings.fresh(trial, 7, math.inf)[0])


def test_other_rows_and_unseen_folders_are_failures(search):
    sent, _trainings = search
    name, said = tune._trained({**sent, "rows": "others"}, job(epochs=1.0)[0])
    assert name == "unreached"
    assert "rows are other ones" in said
    name, said = tune._trained({**sent, "trials": "/nowhere/trials"}, job(epochs=1.0)[0])
    assert name == "unreached"
    assert "does not see" in said


@pytest.mark.parametrize(("raised", "name"), [(OutOfTime(), "time"), (OverLimit("large"), "limit")])
def test_the_end_of_a_training_is_named(search, monkeypatch, raised, name):
    def reach(*_args):
        raise raised

    monkeypatch.setattr(Trainings, "reach", reach)
    assert tune._trained(search[0], job(epochs=1.0)[0])[0] == name


class Machines:
    """Stands for Ray: a task ends at once; those of trial 2 are on a machine that died, those of
    trial 3 never begin."""

    exceptions = SimpleNamespace(RayError=Died, RayTaskError=type("RayTaskError", (Died,), {}))

    def __init__(self):
        self.given_up = []

    def remote(self, **_options):
        return lambda trained: SimpleNamespace(remote=lambda _search, job: Task(trained, job))

    def wait(self, tasks, num_returns, timeout):
        return [one for one in tasks if one.number != 3], [one for one in tasks if one.number == 3]

    def get(self, task):
        if task.number == 2:
            raise Died("node died")
        return task.trained({}, task.job)

    def cancel(self, task, force):
        self.given_up.append(task.number)

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 1.0}}]


def test_what_comes_back_is_told_apart_and_in_order(search, monkeypatch):
    def trained(_search, job):
        if job["trial"]["number"] == 4:
            return "failed", "diverged"
        return "done", {"score": 0.5, "seconds": 60.0, **others}

    others = {"epochs": 1.0, "ended": False}
    monkeypatch.setattr(tune, "_trained", trained)
    monkeypatch.setattr(tune, "GRACE_SECONDS", 0.0)
    machines, here, trial = Machines(), search[1], job()[1]
    workers = connect.Workers(4, 1, 0, 3)
    there = tune._ClusterTrainings(machines, workers, here.space, here.data, here.folder)
    trials = [replace(trial, number=number) for number in (1, 2, 3, 4)]
    first, *failures = there.reach_all([(one, 1.0) for one in trials], awake() + 0.1)
    assert first == Result(0.5, 1.0, 60.0, False)
    assert [type(one) for one in failures] == [Unreached, OutOfTime, WeitiaoError]
    assert "died 3 times: node died" in str(failures[0])
    assert machines.given_up == [3]
    others = {}
    first, *failures = there.fresh_all([(one, 7) for one in trials], awake() + 0.1)
    assert first == (0.5, 60.0)
    assert [type(one) for one in failures] == [Unreached, OutOfTime, WeitiaoError]
