"""Any file in, by the command line: several files, sheets, bad rows set aside and written down."""

import csv
import json

import pandas as pd
import pytest

from conftest import toy_rows
from weitiao.data.files.csv_writer import unguarded
from weitiao.run import Run

QUICK = ["train.epochs=1", "train.evaluations=1", "model.max_length=16",
         "evaluate.bootstrap_samples=5", "evaluate.baselines=false"]  # fmt: skip


@pytest.fixture
def weitiao(typed):
    return typed


def write(path, rows, extra=""):
    path.write_bytes(pd.DataFrame(rows).to_csv(index=False).encode() + extra.encode())
    return path


def test_fit_evaluate_and_predict_set_bad_rows_aside(weitiao, tiny_bert, tmp_path):
    rows = toy_rows("classification")
    first = write(tmp_path / "a.csv", rows[:60], "only one field\n=1+1,b,c\n")
    second = write(tmp_path / "b.csv", rows[60:])
    words = [first, second, *QUICK, "--model", tiny_bert, "--out", tmp_path / "runs"]
    code, _, err = weitiao("fit", *words)
    assert code == 2
    assert "a.csv:62: has 1 field for 2 columns" in err
    assert "1 more row cannot be used (a.csv:63)" in err
    assert not (tmp_path / "runs").exists()

    code, out, err = weitiao("fit", *words, "--skip-bad", "--json")
    assert code == 0, err
    assert "2 rows that cannot be used set aside (a.csv:62, a.csv:63)" in err
    run = Run.open(json.loads(out)["run"])
    assert run.plan().data.path == [str(first), str(second)]
    assert run.plan().data.skip_bad
    raw = (run.folder / "bad_rows.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    kept = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
    assert kept[0] == ["place", "reason", "raw"]
    assert [(row[0], row[2]) for row in kept[1:]] == [
        ("a.csv:62", "only one field"), ("a.csv:63", "'=1+1,b,c")]  # fmt: skip

    code, out, err = weitiao("evaluate", run.folder, first, "--skip-bad", "--json")
    assert code == 0, err
    assert json.loads(out)["rows"] == 60
    answers = tmp_path / "answers.csv"
    code, out, err = weitiao("predict", run.folder, first, "-o", answers, "--skip-bad")
    assert code == 0, err
    assert "2 rows that cannot be used set aside" in err
    assert len(pd.read_csv(answers)) == 60
    assert len(pd.read_csv(tmp_path / "answers.bad_rows.csv")) == 2
    assert weitiao("predict", run.folder, first, "-o", answers, "--force")[0] == 2

    evil = ["<script>alert(1)</script>", "\u202egnp.exe\u200b\ufeff", "=HYPERLINK(\"x\")",
            "@SUM(A1)", "-2+3", "\t=1", "＝1+1", 'a "b", c\n=d']  # fmt: skip
    write(tmp_path / "evil.csv", [{"text": text} for text in evil])
    code, _, err = weitiao("predict", run.folder, tmp_path / "evil.csv", "-o", answers, "--force")
    assert code == 0, err
    assert "cells that a spreadsheet would run as a formula" in err
    assert answers.read_bytes().startswith(b"\xef\xbb\xbf")
    with answers.open(encoding="utf-8-sig", newline="") as file:
        cells = [row["text"] for row in csv.DictReader(file)]
    assert [unguarded(cell) for cell in cells] == evil
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r＝"]


def test_the_plan_says_how_its_rows_are_read(weitiao, tiny_bert, tmp_path):
    rows = pd.DataFrame(toy_rows("classification"))
    book = tmp_path / "rows.xlsx"
    with pd.ExcelWriter(book) as out:
        pd.DataFrame({"note": ["x"] * 500}).to_excel(out, sheet_name="notes", index=False)
        rows.to_excel(out, sheet_name="五月", index=False, startrow=2)
    code, _, err = weitiao("plan", book, "--sheet", "五月", "--model", tiny_bert, *QUICK,
                           "-o", tmp_path / "plan.yaml")  # fmt: skip
    assert code == 0, err
    written = (tmp_path / "plan.yaml").read_text(encoding="utf-8")
    assert "五月" in written
    code, out, err = weitiao("train", tmp_path / "plan.yaml", "--out", tmp_path / "runs", "--json")
    assert code == 0, err
    run = Run.open(json.loads(out)["run"])
    assert run.plan().data.reader == {"xlsx": {"sheet": "五月"}}
    other = tmp_path / "other.xlsx"
    rows[:10].to_excel(other, index=False)
    code, _, err = weitiao("predict", run.folder, other, "-o", tmp_path / "a.jsonl")
    assert code == 0, err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv", "lost.csv"], "lost.csv: no such file"),
        (["a.csv", "train.epochs"], "'train.epochs' is not path=value"),
        (["a.csv", "data.reader.csv.encoding=gbkk"], "no encoding called 'gbkk'"),
        (["a.csv", "data.reader=cvs"], "Did you mean 'csv'"),
        (["a.csv", "--sheet", "May"], "a.csv: --sheet and data.reader.xlsx are for workbooks"),
        (["*.parquet"], "no file is called like this pattern"),
    ],
)
def test_a_mistake_is_one_message(weitiao, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.csv", toy_rows("classification", 20))
    code, _, err = weitiao("look", *words)
    assert code == 2
    assert message in err


def test_settings_of_the_reader_count_for_a_look(weitiao, tmp_path):
    rows = pd.DataFrame(toy_rows("classification", 20))
    rows.to_csv(tmp_path / "a.csv", index=False, header=False, sep="^")
    code, out, err = weitiao("look", tmp_path / "a.csv", "data.reader.csv.delimiter=^",
                             "data.reader.csv.header=false", "--json")  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["rows"] == 20
