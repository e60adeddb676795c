"""Tables as documents: no row, sheet or text is left out without a word, and none is endless."""

import json
import time

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from weitiao.api.ask import asker, summary
from weitiao.errors import DataError
from weitiao.search import documents, tables
from weitiao.search.documents import documents_of
from weitiao.search.index import Index


def read(path):
    """The documents by their names, and what was said to be left out."""
    said = []
    return {one.name: one.text for one in documents_of(path, path.name, said.append)}, said


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def repeated(path, rows, characters):
    """A small file of one text again and again."""
    text = "word " * (characters // 5)
    column = pa.array([text] * rows).dictionary_encode()
    pyarrow.parquet.write_table(pa.table({"text": column}), path, compression="zstd")
    return path


def test_rows_that_cannot_be_read_are_counted_and_the_others_keep_their_names(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("name,built\nEiffel,1889\nBen,1859,x,y\nGate,1791,z\nLouvre,1793\n")
    found, said = read(path)
    assert list(found) == ["bad.csv:2", "bad.csv:5"]
    assert found["bad.csv:5"] == "name: Louvre\nbuilt: 1793"
    (line,) = said
    assert line.startswith("bad.csv: 2 rows that cannot be used set aside (bad.csv:3, bad.csv:4):")


def test_many_bad_rows_are_one_line_and_only_bad_ones_are_no_document(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "good"}\n' + "broken\n" * 5000)
    found, said = read(path)
    assert list(found) == ["bad.jsonl:1"]
    assert "5,000 rows" in said[0]
    assert len(said[0]) < 300
    (tmp_path / "no.jsonl").write_text('{"a": \n{"b": \n')
    with pytest.raises(DataError, match=r"no\.jsonl"):
        read(tmp_path / "no.jsonl")


def test_all_sheets_of_a_workbook_are_read(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx",
        Towers=[["name", "built"], ["Eiffel", 1889], ["Ben", 1859]],
        空=[],
        Rooms=[["room", "floor"], ["kitchen", 1]],
    )
    assert read(path) == (
        {
            "a.xlsx:Towers:2": "name: Eiffel\nbuilt: 1889",
            "a.xlsx:Towers:3": "name: Ben\nbuilt: 1859",
            "a.xlsx:Rooms:2": "room: kitchen\nfloor: 1",
        },
        [],
    )
    one = workbook(tmp_path / "b.xlsx", Towers=[["name", "built"], ["Eiffel", 1889]])
    assert list(read(one)[0]) == ["b.xlsx:2"]


def test_what_stands_above_a_table_and_its_totals_are_there_or_named(tmp_path):
    rows = [["Towers of the company"], [], ["name", "built", "height"], ["Eiffel", 1889, 330]]
    rows += [[f"tower {n}", 1900 + n, 10] for n in range(6)] + [["Total", None, 390]]
    found, said = read(workbook(tmp_path / "a.xlsx", A=rows))
    assert found["a.xlsx:1"] == "Towers of the company"
    assert found["a.xlsx:4"] == "name: Eiffel\nbuilt: 1889\nheight: 330"
    assert found["a.xlsx:11"] == "name: Total\nheight: 390"
    assert said == []
    (tmp_path / "b.csv").write_text("# a comment\n# another\nname,built\nEiffel,1889\nBen,1859\n")
    found, said = read(tmp_path / "b.csv")
    assert list(found) == ["b.csv:4", "b.csv:5"]
    assert said == ["b.csv: left out above the table, comments (#) and rulers: 2 lines"]


def test_a_sheet_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    sheets = {"A": [["a"], ["x"]], "B": [["only a header", "and another"]], "C": [["c"], ["y"]]}
    path = workbook(tmp_path / "a.xlsx", **sheets)
    found, (said,) = read(path)
    assert list(found) == ["a.xlsx:A:2", "a.xlsx:C:2"]
    assert "a.xlsx: the sheet 'B' is not indexed" in said
    monkeypatch.setattr(tables, "MOST_SHEETS", 1)
    found, said = read(path)
    assert list(found) == ["a.xlsx:A:2"]
    assert said == ["a.xlsx: only the first 1 of 3 sheets are indexed."]


def test_conversations_and_lists_are_whole(tmp_path):
    turns = [("user", "Hi"), ("assistant", "Hello"), ("user", "the last words"), ("tool", "42")]
    messages = [{"role": role, "content": content} for role, content in turns]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"messages": messages, "tags": ["a", 2, None]}) + "\n")
    assert read(path)[0]["a.jsonl:1"] == (
        "messages: user: Hi\nassistant: Hello\nuser: the last words\ntool: 42\ntags: a, 2"
    )


def test_a_table_that_unpacks_to_more_than_a_document_is_refused_at_once(tmp_path):
    path = repeated(tmp_path / "a.parquet", 1_200_000, 372)
    assert path.stat().st_size < 100_000
    began = time.perf_counter()
    with pytest.raises(DataError, match=r"a\.parquet: 65 MB are more than a document may have"):
        read(path)
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet", "xlsx"])
def test_the_rows_of_every_format_have_a_limit(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        repeated(path, 5000, 372)
    elif ending == "xlsx":
        workbook(path, A=[["text"], *[["word " * 70]] * 3000], B=[["text"], *[["word " * 70]] * 99])
    else:
        row = json.dumps({"text": "word " * 70}) if ending == "jsonl" else "word " * 70 + ",x"
        path.write_text(("a,b\n" if ending == "csv" else "") + f"{row}\n" * 5000)
    monkeypatch.setattr(documents, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(documents, "_check_size", limit_of(documents._check_size))
    with pytest.raises(DataError, match="are more than a document may have"):
        read(path)


def limit_of(check):
    """The check of a size without the first one, which is that of the packed file."""
    sizes = []

    def checked(size, name):
        sizes.append(size)
        if len(sizes) > 2:
            check(size, name)

    return checked


def test_what_is_left_out_is_told_and_the_rest_is_found(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.csv").write_text("name,built\nEiffel,1889\nBen,1859,x,y\nLouvre,1793\n")
    (docs / "b.docx").write_bytes(b"no zip")
    (docs / "c.txt").write_text("cheese")
    said = []
    opened = asker(None, docs, encoder="bm25", index=tmp_path / "i", say=said.append)
    assert [one.split(":")[0] for one in said] == ["a.csv", "b.docx"]
    assert "1 row that cannot be used set aside (a.csv:3)" in said[0]
    assert opened.search("Louvre")[0].passage.document == "a.csv:4"
    assert summary(opened.changes) == ("2 files indexed, 0 removed, 1 not readable, 1 only in part")
    again = Index.at(tmp_path / "i").update(docs)
    assert (again.added, again.refused, again.partly) == (0, 0, 1)
    assert again.problems == opened.changes.problems
