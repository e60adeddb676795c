"""What files declare of their rows is obeyed: parts by a column or by names, decisions."""

from __future__ import annotations

import json
import zipfile

import pytest

from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.prepare.load import load
from weitiao.data.prepare.profile import profile
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.planfile.sections import DataPlan


def rows_of(count, word="film", **more):
    return [
        {"text": f"{word} number {n} was {'good' if n % 2 else 'bad'}", "label": n % 2, **more}
        for n in range(count)
    ]


def written(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def loaded(path, **settings):
    roles = {"text": "text", "target": "label"}
    return load(DataPlan(path=str(path), roles=roles, **settings), "classification")


def texts(rows):
    return {example.inputs["text"].split()[0] for example in rows.examples()}


@pytest.mark.parametrize(
    ("column", "train", "validation", "test"),
    [
        ("split", "train", "validation", "test"),
        ("Set", "Training", "dev", "Testing"),
        ("partition", "TRAIN", "val", "holdout"),
        ("划分", "训练集", "验证集", "测试集"),
    ],
)
def test_a_column_of_parts_is_obeyed(tmp_path, column, train, validation, test):
    rows = [
        *rows_of(20, "a", **{column: train}), *rows_of(11, "b", **{column: validation}),
        *rows_of(12, "c", **{column: test}), *rows_of(3, "d", **{column: "extra"}),
    ]  # fmt: skip
    file = written(tmp_path / "rows.jsonl", rows)
    assert guess_roles(open_source(str(file)).table, {}).roles["target"] == "label"
    data = loaded(file)
    assert (len(data.train), len(data.validation), len(data.sealed_test)) == (20, 11, 12)
    assert [texts(p) for p in (data.train, data.validation, data.sealed_test)] == [
        {"a"}, {"b"}, {"c"}
    ]  # fmt: skip
    told = "\n".join(data.history)
    assert f"split by the column '{column}': 20 train, 11 validation, 12 test" in told
    assert "3 rows left out whose" in told
    assert texts(loaded(file, declared_split=False).train) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train.jsonl", "test.jsonl"),
        ("data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl"),
        ("train/data-00000-of-00001.jsonl", "test/data-00000-of-00001.jsonl"),
        ("sst2_train.jsonl", "sst2_test.jsonl"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_names_of_files_are_obeyed(tmp_path, train, test, packed):
    folder = tmp_path / "set"
    written(folder / train, rows_of(20, "a"))
    written(folder / test, rows_of(12, "c"))
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}', encoding="utf-8")
    path = folder
    if packed:
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.rglob("*.json*"):
                archive.write(file, file.relative_to(folder))
    data = loaded(path)
    assert texts(data.sealed_test) == {"c"}
    assert texts(data.train) == texts(data.validation) == {"a"}


def test_a_file_of_no_part_beside_parts_is_asked_for(tmp_path):
    for name in ("train", "test", "more"):
        written(tmp_path / "set" / f"{name}.jsonl", rows_of(12, name))
    with pytest.raises(DataError, match="more.jsonl: stands beside .*--test"):
        open_source(str(tmp_path / "set"))


def test_a_test_of_the_users_own_wins(tmp_path):
    rows = [*rows_of(20, "a", split="train"), *rows_of(12, "c", split="test")]
    other = written(tmp_path / "other.jsonl", rows_of(10, "e"))
    data = loaded(written(tmp_path / "rows.jsonl", rows), test_path=str(other))
    assert texts(data.sealed_test) == {"e"}
    assert texts(data.train) == {"a"}


@pytest.mark.parametrize(
    ("column", "good", "others"),
    [
        ("answer", "accept", ["reject", "ignore"]),
        ("status", "submitted", ["discarded", "draft"]),
        ("record_status", "validated", ["default", "discarded"]),
    ],
)
def test_what_annotators_refused_is_left_out_and_counted(tmp_path, column, good, others):
    rows = [{**row, column: [good, good, *others][n % 4]} for n, row in enumerate(rows_of(40))]
    file = written(tmp_path / "rows.jsonl", rows)
    source = open_source(str(file))
    roles = guess_roles(source.table, {}).roles
    assert roles == {"text": "text", "target": "label"}
    seen = profile(source, roles, guess_task(source.table, roles)[0])
    assert sum(seen.labels.values()) == 20
    assert any("20 rows left out by the column" in line for line in seen.history)
    data = loaded(file)
    assert len(data.train) + len(data.validation) + len(data.sealed_test) == 20


@pytest.mark.parametrize(
    "values", [["open", "closed"], ["pending", "completed"], ["accept", "maybe"]]
)
def test_other_columns_of_that_name_say_nothing(tmp_path, values):
    rows = [
        {**row, "status": values[n % 2], "answer": values[n % 2]}
        for n, row in enumerate(rows_of(20))
    ]
    source = open_source(str(written(tmp_path / "rows.jsonl", rows)))
    roles = {"text": "text", "target": "label"}
    assert sum(profile(source, roles, "classification").labels.values()) == 20
    assert len(Rows(source.table, everything(source.table), roles, "x", "classification")) == 20


def test_labels_without_a_row_to_measure_are_told(tmp_path):
    rows = rows_of(60) + [{"text": f"odd one {n}", "label": 2} for n in range(2)]
    told = "\n".join(loaded(written(tmp_path / "rows.jsonl", rows)).history)
    assert "the test has no row of 1 label ('2')" in told
