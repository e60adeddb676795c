"""Tiny models that answer questions over documents, and documents for them."""

import random

import pytest

from conftest import WORDS, sentence, toy_data, toy_plan
from weitiao.model.model import Model

GOOD, BAD = WORDS["good"], WORDS["bad"]


def saved_model(task, checkpoint, folder, **changes):
    """A network that has learned nothing."""
    plan = toy_plan(task, checkpoint, **changes)
    Model.start(plan, toy_data(plan, 60).train).save(folder)
    return folder


def trained_run(task, checkpoint, folder, count=400, **changes):
    from weitiao.run import Run
    from weitiao.training.run import train

    plan = toy_plan(task, checkpoint, **changes)
    folder.mkdir()
    plan.save(folder / "plan.yaml")
    train(plan, toy_data(plan, count), Run(folder))
    return folder


@pytest.fixture(scope="session")
def reading_run(tiny_bert, tmp_path_factory):
    """Finds the good or the bad word of a passage, and says where there is none."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("reading")
        patch.setenv("WEITIAO_CACHE", str(root / "cache"))
        changes = {"train.epochs": 12, "train.learning_rate": 3e-3, "model.dropout": 0.0}
        return trained_run("question_answering", tiny_bert, root / "run", **changes)


@pytest.fixture(scope="session")
def inference_run(tiny_bert, tmp_path_factory):
    return saved_model("nli", tiny_bert, tmp_path_factory.mktemp("nli") / "run")


@pytest.fixture(scope="session")
def writing_run(tiny_bert, tmp_path_factory):
    return saved_model("generation", tiny_bert, tmp_path_factory.mktemp("writer") / "run")


@pytest.fixture
def docs(tmp_path):
    """Documents of which each has one good word."""
    folder, rng = tmp_path / "docs", random.Random(0)
    folder.mkdir()
    for number, word in enumerate(GOOD):
        (folder / f"{number}.txt").write_text(sentence("other", rng) + f" {word} number{number}")
    return folder
