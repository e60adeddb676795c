"""predict: any input, and a row out for each row in; by words, files and streams."""

# ruff: noqa: F401, F811 - imported fixtures

import csv
import io
import json
import sys

import openpyxl
import pandas as pd
import pytest

import weitiao
from conftest import toy_data, toy_plan
from predicting import TEXTS, call, lines, models, saved, table, write
from weitiao.cli.app import main
from weitiao.errors import DataError
from weitiao.model.model import Model

# --- texts


def test_a_sentence_in_quotes_stands_in_the_place_of_a_file(call, models):
    code, out, err = call(models("classification"), "What a good film!", "a bad room")
    assert (code, err) == (0, "")
    first, second = lines(out)
    assert list(first) == ["text", "prediction", "score", "score_bad", "score_good"]
    assert (first["text"], second["text"]) == ("What a good film!", "a bad room")
    code, again, _ = call(
        models("classification"), "--text", "What a good film!", "--text", "a bad room"
    )
    assert (code, again) == (0, out)
    code, told, _ = call(models("classification"), "What a good film!", "a bad room", "--json")
    assert json.loads(told) == {"rows": 2, "output": "-", "predictions": [first, second]}


@pytest.mark.parametrize(
    "text", ["这部电影很好", "great!", "很好。", "a/b is good", "x" * 5000 + " y"]
)
def test_a_text_is_known_by_its_form(text, call, models):
    code, out, err = call(models("classification"), text)
    assert (code, err) == (0, "")
    assert lines(out)[0]["text"] == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["great"], 'great: no such file. If it is a text: weitiao predict RUN --text "great"'),
        (["new.cvs"], "Did you mean 'new.csv'?"),
        (["What", "a", "film"], 'Put a text in quotes: weitiao predict RUN "What a film"'),
        (["my new rows.csv"], "my new rows.csv: no such file."),
        (["https://x.org/a.csv"], "an address of the web"),
        (["a good film", "new.csv"], "'a good film' is a text, new.csv something else"),
        (["new.csv", "train.epochs=3"], "predict changes nothing but how a file is read"),
        (["new.csv", "-"], "- is standard input"),
        (["new.csv", "--text", "a", "--text", "b"], "--text: beside a file this names one column"),
        (["new.csv", "--text", "what a good film"], "Beside a file this names a column"),
        (["new.csv", "--text", "tex"], "Did you mean 'text'?"),
        (["new.csv", "--premise", "text"], "has no role 'premise'"),
        (["a film!", "--text-pair", "b"], "give one of them"),
        (["--text", "a", "--text-pair", "b"], "this model reads text, and has no role 'text_pair'"),
        ([""], "a word is empty"),
        ([], "there is nothing to predict"),
        (["new.csv", "-o", "x.doc"], "written as .csv, .tsv, .jsonl, .json, .xlsx, .parquet"),
        (["new.csv", "-o", "-", "--format", "xlsx"], "xlsx is no text"),
        (["new.csv", "--format", "xls"], "no format called 'xls'"),
        (["new.csv", "-o", "new.csv", "--force"], "this file is read"),
        (["new.csv", "--shape", "long"], "--shape long is for names"),
        (["new.csv", "--shape", "big"], "neither wide nor long"),
    ],
)
def test_what_is_unclear_is_one_message(words, message, call, models, tmp_path):
    write(tmp_path / "new.csv", {"text": ["a good film"]})
    run = models("classification")
    code, out, err = call(run, *words)
    assert (code, out) == (2, "")
    assert message.replace("RUN", str(run)) in err
    assert [path.name for path in tmp_path.glob("*.csv")] == ["new.csv"]


def test_the_run_comes_first(call, models, tmp_path):
    write(tmp_path / "new.csv", {"text": ["a good film"]})
    code, _, err = call("new.csv", models("classification"))
    assert code == 2
    assert "The run comes first: weitiao predict RUN new.csv" in err


def test_a_run_that_is_none_names_one(call, models, tmp_path):
    for name in ("a-001", "a-002"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "plan.yaml").touch()
    assert "runs: holds 2 runs; name one of them" in call("runs", "a good film")[2]
    assert "Did you mean 'runs/a-002'?" in call("a-002", "a good film")[2]
    assert "no such run." in call("a good film")[2]


def test_a_sample_is_a_file(call, models):
    assert (
        "no sample called 'tweet'. Did you mean 'tweets'"
        in call(models("classification"), "sample:tweet")[2]
    )


def test_pairs_by_options_by_place_and_by_roles(call, models):
    run = models("nli")
    pairs = ["--premise", "good", "--premise", "bad", "--hypothesis", "a", "--hypothesis", "b"]
    code, out, err = call(run, *pairs)
    assert (code, err) == (0, "")
    first = lines(out)[0]
    assert (first["premise"], first["hypothesis"]) == ("good", "a")
    for words in (["--text", "good", "--text-pair", "a"], ["good !", "a !"]):
        code, out, _ = call(run, *words)
        assert code == 0
        assert len(lines(out)) == 1
    (as_json,) = lines(call(run, '{"premise": "good", "hypothesis": "a"}')[1])
    assert as_json == {name: value if isinstance(value, str) else pytest.approx(value, abs=1e-5)
                       for name, value in first.items()}  # fmt: skip
    code, _, err = call(run, "--premise", "good", "--premise", "x", "--hypothesis", "a")
    assert "do not pair up: 2 x --premise, 1 x --hypothesis" in err
    told = call(run, "a good film")[2]
    assert "reads 2 texts (premise, hypothesis), not 1: write --premise" in told
    assert '--hypothesis "..."' in told
    assert 'give --hypothesis "...", too' in call(run, "--text", "a good film")[2]


def test_a_terminal_gets_a_table(call, models):
    code, out, err = call(models("classification"), "a good film", terminal=True)
    assert (code, err) == (0, "")
    assert "a good film" in out
    assert "good" in out.splitlines()[-3] + out.splitlines()[-2]
    code, out, _ = call(models("token_classification"), "a good film 店", terminal=True)
    assert code == 0
    assert "a good film 店" in out


# --- standard input


@pytest.mark.parametrize(
    ("given", "column", "texts"),
    [
        ("good, but long\nbad, but short\n", "text", ["good, but long", "bad, but short"]),
        ('"good" he said\n\n# bad\n---\n', "text", ['"good" he said', "", "# bad", "---"]),
        ("id,text\n1,good\n2,\"a, b\"\n", "text", ["good", "a, b"]),
        ('{"text": "good"}\n{"text": "a\\nb"}\n', "text", ["good", "a\nb"]),
        ('[{"text": "good"}, {"text": "bad"}]', "text", ["good", "bad"]),
        ("id\treview\n1\tgood film\n2\tbad film\n", "review", ["good film", "bad film"]),
        ("text\ngood\nbad\n", "text", ["good", "bad"]),
    ],
)  # fmt: skip
def test_standard_input_is_told_by_its_content(given, column, texts, call, models):
    for words in (["-"], []):
        code, out, _ = call(models("classification"), *words, stdin=given.encode())
        assert code == 0
        assert [row[column] for row in lines(out)] == texts


def test_standard_input_into_a_file_and_a_file_to_standard_output(call, models, tmp_path):
    run = models("classification")
    code, out, _ = call(run, "-", "-o", "out.csv", stdin="好电影\n".encode())
    assert (code, out) == (0, "")
    assert table(tmp_path / "out.csv")[0]["text"] == "好电影"
    code, out, _ = call(run, "out.csv", "-o", "-", "--format", "csv")
    assert out.splitlines()[0].startswith("text,prediction,score,")
    assert "\ufeff" not in out
    assert "standard input is empty" in call(run, "-", stdin=b"")[2]


def test_pairs_on_lines_are_parted_by_tabs(call, models):
    code, out, _ = call(models("nli"), "-", stdin=b"a good film\tit is good\nbad\tno\n")
    assert code == 0
    assert [row["column1"] for row in lines(out)] == ["a good film", "bad"]


# --- columns under other names


def test_a_sole_column_of_texts_is_taken_and_said(call, models, tmp_path):
    rows = {"nr": ["1", "2", "3"], "review": ["a good film", "a bad room", "very good food"]}
    write(tmp_path / "new.csv", rows)
    code, _, err = call(models("classification"), "new.csv")
    assert code == 0
    assert "no column 'text'; its column 'review' is read instead" in err
    assert list(table(tmp_path / "predictions.csv")[0])[:3] == ["nr", "review", "prediction"]


@pytest.mark.parametrize("name", ["Text", " text", "TEXT "])
def test_case_and_blanks_of_a_name_do_not_matter(name, models, tmp_path):
    frame = pd.DataFrame({name: ["a good film"], "other": ["a film as well"]})
    notes = []
    run = models("classification")
    weitiao.predict(run, frame, tmp_path / "a.jsonl", say=notes.append)
    assert f"its column {name!r}" in notes[0]


def test_several_candidates_are_named_with_the_option(call, models, tmp_path):
    rows = {"title": ["a good film", "a bad room"], "body": ["very good food", "very bad staff"]}
    file = write(tmp_path / "new.csv", rows)
    code, _, err = call(models("classification"), "new.csv")
    assert code == 2
    assert "it may be title, body. Say which: --text COLUMN" in err
    run = models("classification")
    for words in (["--text", "body"], ["--roles", "text=body"]):
        assert call(run, "new.csv", *words, "-o", "a.jsonl", "--force")[0] == 0
    direct = weitiao.load(run)(*rows["body"])
    answers = lines((tmp_path / "a.jsonl").read_text("utf-8"))
    assert [row["prediction"] for row in answers] == [one.value for one in direct]
    assert weitiao.predict(run, file, tmp_path / "b.csv", roles={"text": "body"}) == 2


def test_the_columns_there_are_are_listed_once(call, models, tmp_path):
    write(tmp_path / "new.csv", {"n": [1, 2, 3], "body": ["good", "bad", "good"]})
    err = call(models("classification"), "new.csv", "--text", "zzz")[2]
    assert "no column 'zzz'; it has n, body." in err
    assert "There are" not in err


def test_a_column_of_numbers_beside_the_target_is_no_text(call, models, tmp_path):
    write(tmp_path / "new.csv", {"n": [1, 2, 3], "label": ["good", "bad", "good"]})
    code, _, err = call(models("classification"), "new.csv")
    assert code == 2
    assert "it has n, label. Say which one it is: --text COLUMN" in err


def test_pairs_under_other_names(models, tmp_path):
    frame = pd.DataFrame({"sentence1": ["good film", "bad room"], "sentence2": ["good", "bad"]})
    assert weitiao.predict(models("nli"), frame, tmp_path / "a.csv") == 2
    generic = pd.DataFrame({"text": ["good film"], "text_pair": ["good"]})
    assert weitiao.predict(models("nli"), generic, tmp_path / "b.csv") == 1


# --- a row out for each row in


@pytest.mark.parametrize("name", ["new.en", "new.zh-CN", "NEW.text", "lines", "new.2026"])
def test_a_file_without_a_known_ending_has_a_text_on_each_line(name, call, models, tmp_path):
    """Of lines with a comma each, the first was the header of a table."""
    texts = ["He came, he saw", "She left, he stayed", "", "good, bad"]
    (tmp_path / name).write_text("".join(f"{one}\n" for one in texts))
    code, _, err = call(models("classification"), name, "-o", "out.jsonl")
    assert code == 0, err
    assert [row["text"] or "" for row in lines((tmp_path / "out.jsonl").read_text())] == texts


def test_files_in_braces_are_rows(call, models, tmp_path):
    for name in ("en", "de"):
        (tmp_path / f"new.{name}").write_text("a good film\na bad room\n")
    code, _, err = call(models("translation"), "new.{en,de}", "-o", "out.jsonl", "--text", "en")
    assert code == 0, err
    assert len(lines((tmp_path / "out.jsonl").read_text())) == 2


@pytest.mark.parametrize(
    ("name", "content", "empty"),
    [
        ("a.csv", "id,text\n1,good film\n\n,\n2,bad\n\n", [1, 2]),
        ("a.csv", "text\ngood film\n\n\"\"\nbad\n", [1, 2]),
        ("a.csv", "id,text\r\r\n1,good film\r\r\n2,bad\r\r\n", []),
        ("a.txt", "good film, yes\n\n  \nbad\n\n", [1, 2]),
        ("a.tsv", "id\ttext\n1\tgood\n\t\n2\tbad\n", [1]),
        ("a.jsonl", '{"text": "good"}\n{"text": null}\n{"text": " "}\n{"text": "x"}', [1, 2]),
    ],
)  # fmt: skip
def test_empty_rows_get_an_empty_answer_and_are_said(name, content, empty, call, models, tmp_path):
    (tmp_path / name).write_bytes(content.encode())
    code, _, err = call(models("classification"), name, "-o", "out.jsonl")
    assert code == 0
    answers = lines((tmp_path / "out.jsonl").read_text("utf-8"))
    assert [at for at, row in enumerate(answers) if row["prediction"] is None] == empty
    assert all(answers[at]["score_good"] is None for at in empty)
    told = f"{len(empty)} row" in err and "without a text (" in err
    assert told == bool(empty)
    assert len(answers) == 2 + len(empty)


def test_empty_rows_of_a_workbook(call, models, tmp_path):
    book = openpyxl.Workbook()
    for row in ([None, "text"], [0, "a good film"], [None, None], [1, "a bad room"], [2, None]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    code, _, err = call(models("classification"), "a.xlsx", "-o", "out.csv")
    assert code == 0, err
    answers = table(tmp_path / "out.csv")
    assert [bool(row["prediction"]) for row in answers] == [True, False, True, False]
    assert "2 rows without a text" in err


def test_a_pair_without_one_of_its_texts_has_no_answer(models, tmp_path):
    frame = pd.DataFrame({"premise": ["good", "bad"], "hypothesis": ["good", ""]})
    weitiao.predict(models("nli"), frame, tmp_path / "a.jsonl")
    answers = lines((tmp_path / "a.jsonl").read_text("utf-8"))
    assert [row["prediction"] is None for row in answers] == [False, True]
