import os

import numpy as np
import pandas as pd
import pytest

from weitiao import parts
from weitiao.data.cache import store
from weitiao.data.files.cells import take
from weitiao.data.files.find import content_of
from weitiao.data.files.open import open_source
from weitiao.data.files.table import from_rows
from weitiao.errors import DataError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\ngood film,1\nbad film,0\n", encoding="utf-8")
    return path


def test_a_file_becomes_a_table_with_lines(file):
    source = open_source(str(file))
    assert source.name == "reviews.csv"
    assert source.columns == ["text", "label"]
    assert source.table.column("__line").to_pylist() == [2, 3]
    assert source.history == ("reviews.csv: 2 rows",)


def test_a_second_start_reads_the_kept_table(file, monkeypatch):
    first = open_source(str(file))
    monkeypatch.setattr("weitiao.data.readers.csv.Csv.read", None)
    again = open_source(str(file))
    assert again.table.equals(first.table)
    assert again.fingerprint == first.fingerprint


def test_a_changed_file_is_read_anew(file):
    first = open_source(str(file))
    file.write_text("text,label\nGood film,1\nbad film,0\n", encoding="utf-8")
    again = open_source(str(file))
    assert again.fingerprint != first.fingerprint
    assert again.table.column("text").to_pylist() == ["Good film", "bad film"]


def test_the_hash_of_a_settled_file_is_remembered(file, monkeypatch):
    os.utime(file, (1_000_000, 1_000_000))
    first = content_of(file)
    monkeypatch.setattr("weitiao.data.files.find.hash_of", None)
    assert content_of(file) == first


def test_a_broken_kept_table_is_made_again(file):
    first = open_source(str(file)).table.to_pylist()
    for kept in store.folder("rows").iterdir():
        kept.write_bytes(b"half")
    assert open_source(str(file)).table.to_pylist() == first


def test_nothing_is_left_behind_by_a_file_that_cannot_be_read(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("text,label\na,b\nc\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.csv:3"):
        open_source(str(file))
    assert list(store.folder("rows").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("reviws.csv", "no such file. Did you mean 'reviews.csv'?"),
        ("nowhere/a.csv", "does not exist"),
    ],
)
def test_a_missing_file_is_said(file, path, message):
    with pytest.raises(DataError, match=message.replace("?", r"\?")):
        open_source(str(file.parent / path))


def test_a_file_of_unknown_ending_is_read_by_looking_and_said(tmp_path):
    (tmp_path / "a.cvs").write_text("text,label\ngood film,1\nbad film,0\n", encoding="utf-8")
    source = open_source(str(tmp_path / "a.cvs"))
    assert source.columns == ["text", "label"]
    assert source.history[1] == "a.cvs: its name does not say what it holds; read as csv"


def test_a_reader_may_read_an_ending_that_usually_holds_no_rows(tmp_path, monkeypatch):
    (tmp_path / "a.toml").write_text('{"text": "good film", "label": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"no reader for files ending in \.toml"):
        open_source(str(tmp_path / "a.toml"))
    monkeypatch.setattr(parts.find("readers", "jsonl"), "endings", ("jsonl", "toml"))
    assert open_source(str(tmp_path / "a.toml")).columns == ["text", "label"]


def test_rows_given_in_python_are_the_same_in_every_shape():
    listed = from_rows([{"text": "a", "n": 1}, {"text": "b", "n": None}])
    columns = from_rows({"text": ["a", "b"], "n": [1, None]})
    frame = from_rows(pd.DataFrame({"text": ["a", "b"], "n": pd.array([1, None], "object")}))
    assert listed.table.to_pylist() == columns.table.to_pylist() == frame.table.to_pylist()
    assert listed.fingerprint == columns.fingerprint == frame.fingerprint
    assert listed.table.column("__line").to_pylist() == [0, 1]


def test_a_frame_with_missing_numbers():
    frame = pd.DataFrame({"text": ["a", "b"], "n": [1.5, float("nan")]})
    assert from_rows(frame).table.column("n").to_pylist() == [1.5, None]


@pytest.mark.parametrize("rows", [[], {"a": [1], "b": [1, 2]}, ["text"]])
def test_rows_that_are_none_are_refused(rows):
    with pytest.raises(DataError):
        from_rows(rows)


def test_gather_at_any_positions():
    table = from_rows([{"n": i} for i in range(10_000)]).table
    assert table.column("n").num_chunks > 1
    positions = np.random.default_rng(0).integers(0, 10_000, 500)
    assert take(table.column("n"), positions).to_pylist() == positions.tolist()
    assert take(table.column("n"), np.sort(positions)).to_pylist() == sorted(positions.tolist())
    assert take(table.column("n"), positions[:0]).to_pylist() == []
