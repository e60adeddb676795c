"""Answers to a file: its own columns stay what they are."""

import json

import pytest

from conftest import toy_plan, toy_rows
from weitiao.api.predict import predict
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.model.model import Model


@pytest.fixture(scope="module")
def saved(tiny_bert, tmp_path_factory):
    """A model of labels that are paths, as it is before it has learned."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    paths = {"good": "sport/ball", "bad": "money/bank"}
    rows = [{**row, "label": paths[row["label"]]} for row in toy_rows("classification", 60)]
    plan = toy_plan("classification", tiny_bert).with_(
        {"task": {"classification": {"separator": "/"}}}
    )
    data = load(plan.data, plan.task_name, from_rows(rows))
    Model.start(plan, data.train, data.validation).save(folder)
    return folder


@pytest.mark.parametrize(
    "column", ["prediction", "score", "score_sport/ball", "level_1", "score_level_1"]
)
def test_no_column_of_the_user_is_overwritten(column, saved, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_text(json.dumps({"text": "a good film", column: "mine"}) + "\n", encoding="utf-8")
    assert predict(saved, str(rows), out) == 1
    answer = json.loads(out.read_text(encoding="utf-8"))
    assert answer[column] == "mine"
    assert answer[f"weitiao_{column}"] != "mine"


def test_columns_that_no_answer_has_are_free(saved, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    row = {"text": "a good film", "start": 1, "level_2": "mine", "score_no_answer": 0.5}
    rows.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert predict(saved, str(rows), out) == 1
    assert json.loads(out.read_text(encoding="utf-8")).items() >= row.items()
