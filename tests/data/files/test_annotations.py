"""Exports of annotation tools: several annotators, ratings, several controls, pairs of spaCy."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.open import open_source


def task(number, *answers, truth=-1, kind="choices", control="s"):
    annotations = [
        {"result": [{"from_name": control, "value": {kind: answer}}], "ground_truth": n == truth}
        for n, answer in enumerate(answers)
    ]
    return {"id": number, "data": {"text": f"row {number}"}, "annotations": annotations}


def read(path, rows):
    if path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    source = open_source(str(path))
    return source.table.to_pydict(), "\n".join(source.history)


@pytest.mark.parametrize("ending", [".json", ".jsonl"])
def test_most_annotators_decide(tmp_path, ending):
    rows = [
        task(1, ["a"], ["b"], ["b"]), task(2, ["a"], ["a"]), task(3, ["a"], ["b"]),
        task(4, ["b"], ["b"], ["a"], truth=2), task(5, ["b"]),
    ]  # fmt: skip
    table, told = read(tmp_path / f"rows{ending}", rows)
    assert table["label"] == ["b", "a", None, "a", "b"]
    assert "4 rows with several annotators: 1 agree, 1 by majority, 1 by ground_truth; 1 " in told


@pytest.mark.parametrize("ending", [".json", ".jsonl"])
@pytest.mark.parametrize(("kind", "answers"), [("rating", [4, 2]), ("number", [0.5, 3])])
def test_ratings_are_numbers(tmp_path, ending, kind, answers):
    table, _told = read(
        tmp_path / f"rows{ending}", [task(n, a, kind=kind) for n, a in enumerate(answers)]
    )
    assert table["label"] == answers


def test_each_control_is_a_column(tmp_path):
    rows = []
    for n in range(3):
        one, other = task(n, ["good"]), task(n, ["film"], control="topic")
        one["annotations"][0]["result"] += other["annotations"][0]["result"]
        rows.append(one)
    table, _told = read(tmp_path / "rows.json", rows)
    assert (table["s"], table["topic"]) == (["good"] * 3, ["film"] * 3)


PAIR = ["Anna is here", {"entities": [[0, 4, "PER"]]}]


@pytest.mark.parametrize(
    "rows", [[PAIR] * 3, {"classes": ["PER"], "annotations": [PAIR] * 3}, {"data": [PAIR] * 3}]
)
def test_pairs_of_spacy_are_rows(tmp_path, rows):
    table, _told = read(tmp_path / "rows.json", rows)
    assert table["text"] == ["Anna is here"] * 3
    assert json.loads(table["entities"][0]) == [[0, 4, "PER"]]


def test_pairs_stand_one_a_line_too(tmp_path):
    table, _told = read(tmp_path / "rows.jsonl", [PAIR] * 3)
    assert json.loads(table["entities"][2]) == [[0, 4, "PER"]]


@pytest.mark.parametrize("ending", [".json", ".jsonl"])
@pytest.mark.parametrize(
    ("row", "flat"),
    [
        ({"a": {"b": "x"}}, {"a.b": "x"}),
        ({"a": {"b": {"c": 1, "d": None}}}, {"a.b.c": 1, "a.b.d": None}),
        ({"a": {"b": ["x", "y"]}}, {"a.b": '["x", "y"]'}),
        ({"answers": {"text": ["x"], "answer_start": [1]}}, None),
        ({"label": {"name": {"Anna": [[0, 3]]}}}, None),
        ({"label": {"name": [[0, 3]]}}, None),
        ({"a": {}}, None),
    ],
)
def test_objects_are_columns_unless_they_are_answers(tmp_path, ending, row, flat):
    table, _told = read(tmp_path / f"rows{ending}", [{"n": 1, **row}] * 3)
    del table["__line"], table["n"]
    expected = flat or {name: json.dumps(value) for name, value in row.items()}
    assert table == {name: [value] * 3 for name, value in expected.items()}


def test_objects_whose_keys_are_data_stay_whole(tmp_path):
    table, _told = read(tmp_path / "rows.jsonl", [{"n": 1, "a": {f"k{n}": n}} for n in range(9)])
    assert table["a"][3] == '{"k3": 3}'


@pytest.mark.parametrize("kind", ["hypertextlabels", "paragraphlabels"])
def test_regions_of_hypertext_are_spans_by_their_places_in_the_whole(tmp_path, kind):
    value = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 3,
             "text": "row", kind: ["X"]}  # fmt: skip
    whole = {**value, "globalOffsets": {"start": 0, "end": 3}}
    tasks = [task(n) for n in range(2)]
    for one, region in zip(tasks, (whole, value), strict=True):
        one["annotations"] = [{"result": [{"from_name": "s", "type": kind, "value": region}]}]
    table, _told = read(tmp_path / "rows.json", tasks)
    spans = [json.loads(cell) for cell in table["label"]]
    assert spans[0] == [{"start": 0, "end": 3, "text": "row", "label": "X"}]
    assert spans[1][0]["start"] == value["start"]  # no place in the text: refused, never dropped


@pytest.mark.parametrize("ending", [".json", ".jsonl"])
@pytest.mark.parametrize("open_ones", [(1, 2), (0, 3)])
def test_tasks_that_nobody_has_annotated_are_rows_without_a_label(tmp_path, ending, open_ones):
    tasks = [task(n, ["x"]) for n in range(4)]
    del tasks[open_ones[0]]["annotations"]
    tasks[open_ones[1]]["annotations"] = None
    table, _told = read(tmp_path / f"rows{ending}", tasks)
    assert table["text"] == ["row 0", "row 1", "row 2", "row 3"]
    assert table["label"] == [None if n in open_ones else "x" for n in range(4)]
    assert not table.keys() & {"data", "annotations"}
