"""Rows of annotation tools: whatever stands where an annotation should, nothing breaks."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.label_studio import plain, plain_rows
from weitiao.data.files.table import open_source

TASK = {"data": {"text": "Rome is here"}}


@pytest.mark.parametrize(
    "annotation",
    [
        {"result": 5},
        {"result": {"value": 1}},
        {"result": [{"value": {"start": 0, "end": 4, "labels": 7}}]},
        {"result": [{"value": {"choices": 3}}]},
        {"result": [3, None, {"value": []}]},
    ],
)
def test_what_is_no_annotation_says_nothing(annotation):
    assert plain({**TASK, "annotations": [annotation]}) == {"text": "Rome is here", "label": []}


def test_a_label_is_one_of_the_choices():
    chosen = {"result": [{"value": {"choices": ["place"]}}]}
    assert plain({**TASK, "annotations": [chosen]})["label"] == "place"


def test_a_submitted_row_without_a_choice_has_no_label():
    rows = [{**TASK, "annotations": [{"result": [{"value": {"choices": [one]}}] if one else []}]}
            for one in ("good", "", "bad")]  # fmt: skip
    assert [row.get("label") for row in plain_rows(rows)] == ["good", None, "bad"]
    spans = [{"value": {"start": 0, "end": 4, "text": "Rome", "labels": ["x"]}}]
    rows = [{**TASK, "annotations": [{"result": result}]} for result in (spans, [])]
    assert [row["label"] for row in plain_rows(rows)] == [
        [{"start": 0, "end": 4, "text": "Rome", "label": "x"}], []
    ]  # fmt: skip


def test_a_file_of_them_is_a_table(tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{**TASK, "annotations": [{"result": 5}]}] * 3), encoding="utf-8")
    assert open_source(str(path), {}).table.num_rows == 3
