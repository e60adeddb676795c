"""predict: any output, and what each task writes."""

# ruff: noqa: F401, F811 - imported fixtures

import csv
import io
import json
import sys

import numpy as np
import openpyxl
import pandas as pd
import pytest

import weitiao
from conftest import toy_data, toy_plan
from predicting import TEXTS, call, lines, models, saved, table, write
from weitiao.api.predict import _remarks
from weitiao.api.prediction_table import Table
from weitiao.cli.app import main
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.example import Prediction
from weitiao.model.model import Model

# --- the output


def read_back(path):
    if path.suffix == ".xlsx":
        return pd.read_excel(path, dtype=str, keep_default_na=False, engine="calamine").to_dict(
            "records"
        )
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_dict("records")
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    if path.suffix == ".jsonl":
        return lines(path.read_text("utf-8"))
    return table(path, "\t" if path.suffix == ".tsv" else ",")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "xlsx", "parquet"])
def test_texts_come_back_as_they_were(ending, models, tmp_path):
    file, out = (
        write(tmp_path / "new.csv", {"nr": range(len(TEXTS)), "text": TEXTS}),
        tmp_path / f"o.{ending}",
    )
    notes = []
    weitiao.predict(models("classification"), file, out, say=notes.append)
    rows = read_back(out)
    assert [str(row["nr"]) for row in rows] == [str(n) for n in range(len(TEXTS))]
    # Formulas are guarded in text that a spreadsheet opens; nothing else is.
    guarded = ending in ("csv", "tsv")
    wanted = ["'" + t if guarded and t[0] in "=-" else t for t in TEXTS]
    assert [row["text"] for row in rows] == wanted
    assert any("apostrophe" in note for note in notes) == guarded
    assert {row["prediction"] for row in rows} <= {"good", "bad"}


def test_excel_keeps_texts_as_texts_and_weitiao_reads_them_back(models, tmp_path):
    odd = ["=1+1", "_x000D_ is a text", "a\x0bb", "1e5", "2024-01-01", "a\r\nb"]
    frame = pd.DataFrame({"text": odd})
    weitiao.predict(models("classification"), frame, tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert {cell.data_type for cell in sheet["A"][1:]} <= {"s", "inlineStr"}
    assert isinstance(sheet["C"][1].value, float)
    weitiao.predict(models("classification"), tmp_path / "a.xlsx", tmp_path / "b.jsonl")
    assert [row["text"] for row in read_back(tmp_path / "b.jsonl")] == odd


def test_a_text_too_long_for_excel_is_said_before_anything_is_predicted(models, tmp_path):
    frame = pd.DataFrame({"text": ["a good film " * 4000]})
    with pytest.raises(DataError, match="48,000 characters; a cell of Excel holds 32,767"):
        weitiao.predict(models("classification"), frame, tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir()) or not (tmp_path / "a.xlsx").exists()


def test_columns_of_the_same_name_get_a_prefix(call, models, tmp_path):
    write(tmp_path / "new.csv", {"text": ["a good film"], "score": ["9"], "prediction": ["x"]})
    code, _, err = call(models("classification"), "new.csv", "-o", "a.csv")
    assert code == 0
    assert "columns called prediction, score" in err
    (row,) = table(tmp_path / "a.csv")
    assert (row["score"], row["prediction"]) == ("9", "x")
    assert row["weitiao_prediction"] in ("good", "bad")
    assert call(models("classification"), "a.csv", "-o", "b.csv")[0] == 0
    assert "weitiao_weitiao_score" in table(tmp_path / "b.csv")[0]


def test_a_file_is_overwritten_only_by_force(call, models, tmp_path):
    write(tmp_path / "new.csv", {"text": ["a good film"]})
    run = models("classification")
    assert call(run, "new.csv")[0] == 0
    (tmp_path / "predictions.csv").write_text("mine", "utf-8")
    code, _, err = call(run, "new.csv")
    assert code == 2
    assert "predictions.csv: this file exists already. --force overwrites it" in err
    assert (tmp_path / "predictions.csv").read_text("utf-8") == "mine"
    assert call(run, "new.csv", "--force")[0] == 0
    assert len(table(tmp_path / "predictions.csv")) == 1


def test_several_files_and_how_they_are_read(call, models, tmp_path):
    (tmp_path / "a.csv").write_text("a good film\nsuperb staff\n", "utf-8")
    (tmp_path / "b.csv").write_text("a bad film\n", "utf-8")
    header = "data.reader.csv.header=false"
    code, _, err = call(models("classification"), "a.csv", "b.csv", header, "-o", "o.jsonl")
    assert code == 0, err
    assert len(read_back(tmp_path / "o.jsonl")) == 3


# --- tasks


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        (["good;long", "bad", "good"], "bad;good;long"),
        (["good | long", "bad", "good"], "bad | good | long"),
        (["good、long", "bad", "good"], "bad、good、long"),
        (['["good", "long"]', '["bad"]', '["good"]'], '["bad", "good", "long"]'),
        (["['good', 'long']", "['bad']", "['good']"], '["bad", "good", "long"]'),
    ],
)  # fmt: skip
def test_several_labels_are_spelt_as_in_the_training_rows(cells, written, tiny_bert, tmp_path):
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load

    plan = toy_plan("multilabel", tiny_bert)
    rows = [{"text": f"a good film {n}", "label": cells[n % len(cells)]} for n in range(60)]
    train = load(plan.data, "multilabel", source=from_rows(rows)).train
    model = Model.start(plan, train)
    task = Model.load(_saved(model, tmp_path / "model")).task
    every = task.written(sorted(task.labels))
    assert (every if isinstance(every, str) else json.dumps(every, ensure_ascii=False)) == written
    assert task.written([]) == []  # "[]": none of the labels; an empty cell: no answer
    new = pd.DataFrame({"text": ["a good film", ""]})
    for ending in ("csv", "xlsx", "jsonl"):
        weitiao.predict(tmp_path / "model", new, tmp_path / f"a.{ending}")
    value = weitiao.load(tmp_path / "model")("a good film")
    first, second = read_back(tmp_path / "a.csv")
    cell = task.written(value.value)
    assert first["prediction"] == (cell if isinstance(cell, str) else json.dumps(cell))
    assert second["prediction"] == ""
    assert read_back(tmp_path / "a.jsonl")[0]["prediction"] == value.value


def _saved(model, folder):
    model.save(folder)
    return folder


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet", "jsonl"])
def test_names_are_a_row_each_in_tables(ending, models, tmp_path):
    run = models("token_classification")
    frame = pd.DataFrame({"text": ["a good film", "", "the bad room was bad"]})
    direct = [one.value for one in weitiao.load(run)(frame["text"][0], frame["text"][2])]
    spans = [
        {"row": row, **span} for row, found in zip((1, 3), direct, strict=True) for span in found
    ]
    assert spans
    notes = []
    count = weitiao.predict(run, frame, tmp_path / f"a.{ending}", shape="long", say=notes.append)
    assert count == 3
    rows = read_back(tmp_path / f"a.{ending}")
    assert list(rows[0]) == ["row", "start", "end", "text", "label", "score"]
    keys = ("row", "start", "end", "text", "label")
    assert [[str(r[k]) for k in keys] for r in rows] == [[str(s[k]) for k in keys] for s in spans]
    assert any("a row for each span" in note for note in notes)
    weitiao.predict(run, frame, tmp_path / f"w.{ending}", shape="wide")
    wide = read_back(tmp_path / f"w.{ending}")
    assert len(wide) == 3
    weitiao.predict(run, frame, tmp_path / f"d.{ending}")
    assert (len(read_back(tmp_path / f"d.{ending}")) == 3) == (ending == "jsonl" or len(spans) == 3)


@pytest.mark.parametrize("task", ["regression", "question_answering", "similarity", "multilabel"])
@pytest.mark.parametrize("ending", ["parquet", "xlsx"])
def test_every_task_writes_every_format(task, ending, models, tmp_path):
    texts = {
        "question_answering": {"question": ["", "which is good"], "context": ["x", "a good film"]},
        "similarity": {"text": ["", "good film"], "text_pair": ["x", "bad film"]},
    }.get(task, {"text": ["", "a good film"]})
    weitiao.predict(models(task), pd.DataFrame(texts), tmp_path / f"a.{ending}")
    empty, answer = read_back(tmp_path / f"a.{ending}")
    assert empty.keys() == answer.keys()
    assert answer["score"] not in ("", None)
    assert empty["prediction"] in ("", None) or empty["prediction"] != empty["prediction"]


def test_messages_are_chinese_for_chinese(call, models, tmp_path):
    write(tmp_path / "new.csv", {"评论": ["=好 电影", ""], "score": ["1", "2"]})
    code, _, err = call(models("classification"), "new.csv", "--text", "评论", "--lang", "zh")
    assert code == 0
    assert "没有文本" in err
    assert "撇号" in err
    assert "已预测 2 行" in err


def test_an_output_that_exists_is_told_before_anything_is_loaded(
    call, models, tmp_path, monkeypatch
):
    """It was said after PyTorch was loaded: 25 seconds on a busy machine."""
    write(tmp_path / "new.csv", {"text": ["a good film"]})
    (tmp_path / "out.csv").write_text("mine")
    folder = models("classification")
    monkeypatch.setattr("weitiao.cli.commands.predict._opened", None)
    code, _, err = call(folder, "new.csv", "-o", "out.csv")
    assert code == 2
    assert "out.csv: this file exists already" in err


def test_texts_that_a_network_left_empty_are_counted(tmp_path):
    """A run of translation that had hardly learned answered with 20 empty cells, and no word."""
    written = [Prediction("ein Hund", 0.5), Prediction("", 0.1), Prediction("", 0.1), None]
    source = from_rows({"en": ["a dog", "a cat", "a man", ""]})
    answers = {"prediction": "", "score": 0.0}
    rows = Rows(source.table, everything(source.table), {"text": "en"}, "a.csv", "translation")
    table = Table(source, reader_of("translation")(), "csv", "wide", answers)
    assert len(list(table.cells(0, written, 4))) == 4
    assert table.wordless == 2
    (said,) = _remarks(table, np.zeros(4, bool), rows)
    assert said.startswith("2 of 4 answers are empty")
