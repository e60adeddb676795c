"""What a machine of a cluster makes of a training of a search. No cluster is started."""

import math
import os

import pytest

from conftest import toy_data, toy_plan
from weitiao.api.tune_trials import Trainings
from weitiao.cluster import tune
from weitiao.planfile.search_space import dimension
from weitiao.tuning.objective import OutOfTime, OverLimit
from weitiao.tuning.records import Trial
from weitiao.tuning.space import space_of


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
    name, (score, epochs, _seconds, ended) = tune._trained(sent, wanted)
    here = trainings.reach(trial, 1.0, math.inf)
    assert (name, score, epochs, ended) == ("done", here.score, here.epochs, here.ended)
    assert trainings.reach(trial, 1.0, math.inf) == here, "a second call trains nothing"
    name, (score, _seconds) = tune._trained(sent, job(seed=7)[0])
    assert (name, score) == ("done", trainings.fresh(trial, 7, math.inf)[0])


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
