"""`weitiao.choose`: measures, picks, and plans with what it picked."""

import pytest

import weitiao
from conftest import make_checkpoint, toy_rows
from weitiao.errors import WeitiaoError
from weitiao.planning import measured


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    """A folder of two checkpoints: one is larger."""
    import shutil

    root = tmp_path_factory.mktemp("share")
    make_checkpoint(root / "first")
    shutil.copytree(root / "first", root / "second")
    return str(root)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    import csv

    path = tmp_path_factory.mktemp("rows") / "good.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, ["text", "label"])
        out.writeheader()
        out.writerows(toy_rows("classification", 60))
    return str(path)


def test_a_share_is_measured_and_the_plan_says_why(share, rows, tmp_path):
    said = []
    chosen = weitiao.choose(rows, candidates=[share, "./nowhere"], say=said.append)
    assert {one.candidate.shown for one in chosen.table} == {"first", "second"}
    assert chosen.model == chosen.picked.one.name
    assert chosen.picked.one.score > 0.5
    assert [one.name for one in chosen.refused] == ["./nowhere"]
    assert "measuring 2 models on" in said[0]
    assert "about" in said[0]
    plan = chosen.plan
    assert plan.model.checkpoint == chosen.model
    why = plan.why["model.checkpoint"]
    assert "Refused: nowhere: " in why.evidence
    assert len(plan.expect["candidates"]) == 2
    plan.save(tmp_path / "plan.yaml")
    again = weitiao.Plan.load(tmp_path / "plan.yaml")
    assert again.model.checkpoint == chosen.model
    assert [one["model"] for one in again.expect["candidates"]] == [m.name for m in chosen.table]
    assert again.why["model.checkpoint"].reason == why.reason


def test_a_latency_that_none_keeps_leaves_nothing(share, rows):
    with pytest.raises(WeitiaoError, match="no model is left to choose from; 2 refused"):
        weitiao.choose(rows, candidates=share, latency=1e-9)


def test_speed_measures_one_text_alone_and_features_come_from_the_cache(share, rows, monkeypatch):
    first = weitiao.choose(rows, candidates=f"{share}/first")
    monkeypatch.setattr("weitiao.evaluation.layer_features._means", None)
    again = weitiao.choose(rows, candidates=f"{share}/first", goal="speed", latency="10s")
    assert [m.score for m in again.table] == [m.score for m in first.table]
    assert [m.row_seconds for m in again.table] == [m.row_seconds for m in first.table]
    assert again.table[0].latency > 0
    assert again.plain()["candidates"][0]["text_ms"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"goal": "cheap"}, "accuracy, speed, small"),
        ({"latency": "soon"}, "write 20ms or 0.5s"),
        ({"memory": "much"}, "write 5GB or 500MB"),
        ({"licence": "permissive"}, "its licence is unknown"),
    ],
)
def test_mistakes_are_one_sentence(share, rows, options, words):
    with pytest.raises(WeitiaoError, match=words):
        weitiao.choose(rows, candidates=share, **options)


def test_tasks_that_cannot_be_measured_say_so(tmp_path):
    rows = toy_rows("question_answering", 40)
    with pytest.raises(WeitiaoError, match="not for question_answering"):
        weitiao.choose(rows, task="question_answering", candidates="minilm-l6")


def test_too_few_rows_are_refused(share):
    with pytest.raises(WeitiaoError, match="too few to compare"):
        weitiao.choose(toy_rows("classification", 20), candidates=share)


@pytest.mark.parametrize("task", ["multilabel", "similarity"])
def test_every_task_of_whole_texts_is_measured(share, task):
    rows = toy_rows(task, 50)
    chosen = weitiao.choose(rows, task=task, candidates=f"{share}/first")
    assert chosen.table[0].rows > measured.FEWEST_ROWS
    assert chosen.plan.task_name == task
