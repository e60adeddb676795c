import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.files.csv_writer import guarded, sheet, unguarded
from weitiao.data.files.open import open_source


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("＝1", "'＝1"),
        ("-1.5", "-1.5"), ("+3", "+3"), ("-1e-05", "-1e-05"), (-1.5, -1.5), ("- a list", "'- a list"),
        ("it's", "it's"), ("", ""), (None, None), (["=1"], '["=1"]'),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_stays_text(cell, written):
    assert guarded(cell) == written


@given(st.text())
def test_every_cell_comes_back(cell):
    assert unguarded(guarded(cell)) == cell
    first = guarded(cell)[:1]
    assert first not in ("=", "@", "\t", "\r")


def test_answers_are_read_back_as_they_were(tmp_path):
    rows = [["=1+1", "pos", 0.5], ["'=x", "neg", -0.25], ["'tis", "pos", 1], ["好\n的", "neg", 0]]
    path = tmp_path / "answers.csv"
    with sheet(path, ["text", "prediction", "score"]) as add:
        for row in rows:
            add(row)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:3] == ["'=1+1", "''=x"]
    found = open_source(str(path)).table.to_pylist()
    assert [row["text"] for row in found] == [row[0] for row in rows]


def test_an_apostrophe_in_a_file_of_others_stays(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n'=x,1\n'@me,0\n", encoding="utf-8")
    assert [row["text"] for row in open_source(str(path)).table.to_pylist()] == ["'=x", "'@me"]
