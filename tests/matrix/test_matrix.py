"""Every task with every family: it trains, saves, loads, answers the same, and resumes exactly."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import toy_data
from matrix.cells import CANNOT, CELLS, QUICK, SAID, TASKS, plan_of
from matrix.families import FAMILIES, make
from weitiao.core.ragged import Ragged
from weitiao.errors import WeitiaoError
from weitiao.model.folding import FAMILIES as FOLDED
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.training.run import train


class Cut(BaseException):
    """A crash, as the loop sees it."""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root, made = tmp_path_factory.mktemp("families"), {}

    def checkpoint(family):
        if family not in made:
            made[family] = make(root / family, family)
        return made[family]

    return checkpoint


def new_run(folder, plan):
    folder.mkdir()
    plan.save(folder / "plan.yaml")
    return Run(folder)


def numbers(scores):
    return scores.values if isinstance(scores, Ragged) else scores


def check(cell, checkpoints, tmp_path):
    name, family = cell
    plan = plan_of(name, checkpoints(family), **{"train.save_seconds": 0})
    data = toy_data(plan, 48)
    whole = new_run(tmp_path / "whole", plan)
    outcome = train(plan, data, whole)
    # It learned something, and what is saved answers as what was judged.
    losses = [line["loss"] for line in whole.history() if line.get("loss") is not None]
    assert np.isfinite(losses).all()
    examples = data.validation.examples()
    scores = numbers(outcome.model.scores(examples))
    again = Model.load(whole.best)
    np.testing.assert_allclose(numbers(again.scores(examples)), scores, rtol=1e-5, atol=1e-5)
    assert scores.std(0).min() > 0, "the same answer for every row"
    # Rows answer the same alone and beside longer ones.
    alone = np.concatenate([numbers(again.scores([example])) for example in examples])
    np.testing.assert_allclose(alone, scores, rtol=1e-3, atol=1e-3 * np.ptp(scores))
    # Cut and gone on with, it is the same to the last bit.
    cut = new_run(tmp_path / "cut", plan)

    def watch(progress, seconds):
        if progress.step == 3:
            raise Cut

    with pytest.raises(Cut):
        train(plan, data, cut, watch=watch)
    train(plan, data, Run.open(cut.folder), resume=True)
    assert cut.log_path.read_bytes() == whole.log_path.read_bytes()
    for file in whole.best.glob("*.safetensors"):
        assert (cut.best / file.name).read_bytes() == file.read_bytes()
    # The card says whether others can read it.
    told = json.loads((whole.best / "weitiao.json").read_text())
    folded = "mean" in told["head"] and family in FOLDED
    plain = ("native" in told["head"] or folded) and plan.model.attention == "native"
    assert told["plain"] == plain
    assert ("no plain folder" in (whole.best / "README.md").read_text()) != plain
    assert (whole.best / "head.safetensors").exists() != ("native" in told["head"] or folded)


@pytest.mark.parametrize("cell", QUICK, ids=" x ".join)
def test_a_cell_of_the_matrix(cell, checkpoints, tmp_path):
    check(cell, checkpoints, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell not in QUICK], ids=" x ".join)
def test_every_other_cell(cell, checkpoints, tmp_path):
    check(cell, checkpoints, tmp_path)


def test_every_task_and_every_family_is_tried_quickly():
    assert {task for task, _ in QUICK} == set(TASKS)
    assert {family for _, family in QUICK} == set(FAMILIES)


@pytest.mark.parametrize("cell", sorted(CANNOT)[:3], ids=" x ".join)
def test_what_cannot_be_is_refused(cell, checkpoints):
    name, family = cell
    plan = plan_of(name, checkpoints(family))
    told = "attends as it was trained|cannot be loaded"
    with pytest.raises(WeitiaoError, match=told):
        Model.start(plan, toy_data(plan, 40).train)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_documents_show_the_families_and_what_cannot_be(language):
    page = Path(__file__).parents[2] / "docs" / language / "families.md"
    text = page.read_text(encoding="utf-8")
    assert [family for family in FAMILIES if f"`{family}`" not in text] == []
    assert [why for why in set(CANNOT.values()) if SAID[language][why] not in text] == []
