"""The verb clean: what is written, what is counted, what is named."""

import csv
import json

import pyarrow.parquet as pq
import pytest

import weitiao
from weitiao.errors import WeitiaoError

ROWS = [
    ("<p>good&nbsp;film</p>", "pos"), ("cafÃ© was  bad", "neg"), ("<br/>", "neg"), ("plain", "pos"),
    ("=1+2 fine", "pos"), ("plain ", "pos"), ("", "neg"),
    *((f"row number {i} is {'good' if i % 2 else 'bad'}", "pos" if i % 2 else "neg") for i in range(10)),
]  # fmt: skip


def write(path, rows=ROWS, header=("id", "text", "label"), encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([number, *row] for number, row in enumerate(rows))
    return path


def read(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_all_rows_and_columns_are_written_cleaned(tmp_path):
    source = write(tmp_path / "rows.csv")
    cleaned = weitiao.clean(source, tmp_path / "out.csv")
    rows = read(tmp_path / "out.csv")
    assert len(rows) == len(ROWS) == cleaned.written == cleaned.rows
    assert [*rows[0]] == ["id", "text", "label"]
    assert rows[0] == {"id": "0", "text": "good film", "label": "pos"}
    assert rows[1]["text"] == "café was bad"
    assert rows[4]["text"] == "'=1+2 fine"  # safe in a spreadsheet
    assert cleaned.columns == ["text"]
    assert cleaned.empty == ["rows.csv:4"]
    assert {t.name: t.texts for t in cleaned.cleaners} == {
        "mojibake": 1, "html": 2, "unicode": 0, "invisible": 0, "whitespace": 2,
    }  # fmt: skip
    sample = next(t for t in cleaned.cleaners if t.name == "mojibake").samples[0]
    assert (sample.row, sample.before, sample.after) == (
        "rows.csv:3", "cafÃ© was  bad", "café was  bad",
    )  # fmt: skip
    assert json.dumps(cleaned.to_json())


def test_nothing_is_overwritten(tmp_path):
    source = write(tmp_path / "rows.csv")
    (tmp_path / "out.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(WeitiaoError, match="exists already"):
        weitiao.clean(source, tmp_path / "out.csv")
    with pytest.raises(WeitiaoError, match="is read"):
        weitiao.clean(source, source, force=True)
    weitiao.clean(source, tmp_path / "out.csv", force=True)
    assert len(read(tmp_path / "out.csv")) == len(ROWS)


@pytest.mark.parametrize("ending", ["jsonl", "xlsx", "parquet", "tsv", "json"])
def test_every_format_is_written_and_read_again(tmp_path, ending):
    source = write(tmp_path / "rows.csv")
    out = tmp_path / f"out.{ending}"
    weitiao.clean(source, out)
    again = weitiao.clean(out)  # cleaning what is clean
    assert again.changed == 0
    assert again.rows == len(ROWS)
    if ending == "parquet":
        assert pq.read_table(out).column("text").to_pylist()[0] == "good film"


def test_gbk_in_and_a_workbook_out(tmp_path):
    rows = [(f"<b>第{i}条</b>评论，很好用", "好评" if i % 2 else "差评") for i in range(12)]
    source = write(tmp_path / "r.csv", rows, ("编号", "评论", "标签"), "gbk")
    weitiao.clean(source, tmp_path / "out.xlsx", cleaners=["html"])
    table = weitiao.clean(tmp_path / "out.xlsx", tmp_path / "again.csv", cleaners=["html"])
    assert table.changed == 0
    assert read(tmp_path / "again.csv")[3]["评论"] == "第3条评论，很好用"


def test_cleaners_have_settings_and_mistakes_are_named(tmp_path):
    source = write(tmp_path / "rows.csv")
    cleaned = weitiao.clean(source, cleaners={"repeats": {"most": 1}, "stop_words": {}})
    assert [t.name for t in cleaned.cleaners] == ["repeats", "stop_words"]
    assert "stop_words" in cleaned.warnings[0]
    with pytest.raises(WeitiaoError, match="html"):
        weitiao.clean(source, cleaners=["htm"])
    with pytest.raises(WeitiaoError, match="most"):
        weitiao.clean(source, cleaners={"repeats": {"most": 0}})
    with pytest.raises(WeitiaoError, match="nowhere.txt"):
        weitiao.clean(source, cleaners={"stop_words": {"file": "nowhere.txt"}})


def test_rows_from_python_come_back():
    assert [row["text"] for row in weitiao.clean(["<b>a</b> b", "c"]).data] == ["a b", "c"]
    rows = [{"review": "<i>very</i> fine", "stars": 5}, {"review": "bad one", "stars": 1}]
    cleaned = weitiao.clean(rows, text="review")
    assert cleaned.data == [{"review": "very fine", "stars": 5}, {"review": "bad one", "stars": 1}]


def test_rows_without_labels_and_several_texts(tmp_path):
    source = tmp_path / "r.csv"
    lines = "\n".join(f"<b>title {i}</b>,<p>a long body of text number {i}</p>" for i in range(8))
    source.write_text(f"title,body\n{lines}\n", encoding="utf-8")
    cleaned = weitiao.clean(source, tmp_path / "out.csv", text=["title", "body"], cleaners=["html"])
    assert cleaned.columns == ["title", "body"]
    assert read(tmp_path / "out.csv")[2] == {
        "title": "title 2",
        "body": "a long body of text number 2",
    }


def spans_file(tmp_path):
    path = tmp_path / "spans.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for i in range(12):
            text = f"<p>row {i}:  Anna  met 😂 in Rome</p>"
            spans = [[text.index(w), text.index(w) + len(w), "X"] for w in ("Anna", "Rome")]
            if i == 3:
                spans.append([text.index("😂"), text.index("😂") + 1, "Y"])
            file.write(json.dumps({"text": text, "spans": spans}, ensure_ascii=False) + "\n")
    return path


def test_spans_move_and_lost_ones_are_named(tmp_path):
    out = tmp_path / "out.jsonl"
    cleaners = {"html": {}, "whitespace": {}, "emoji": {"to": "nothing"}}
    cleaned = weitiao.clean(spans_file(tmp_path), out, cleaners=cleaners)
    assert cleaned.lost == {"spans.jsonl:4": 1}
    for line in out.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        spans = row["spans"]
        assert [row["text"][s["start"] : s["end"]] for s in spans] == ["Anna", "Rome"]


PLAN = """
task: {{classification: {{}}}}
data:
  path: {path}
  roles: {{text: text, target: label}}
  labels: {{rename: {{pos: good}}}}
  cleaners: {{html: {{}}, whitespace: {{}}}}
  steps: {{length_filter: {{longest: 19}}, oversample: {{}}}}
model: {{checkpoint: minilm-l6}}
"""


def test_a_plan_says_what_is_cleaned_and_left_out(tmp_path):
    source = write(tmp_path / "rows.csv")
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.format(path=json.dumps(str(source))), encoding="utf-8")
    cleaned = weitiao.clean(source, tmp_path / "out.csv", plan=plan)
    rows = read(tmp_path / "out.csv")
    reasons = dict(cleaned.removed)
    assert "length_filter" in reasons["rows.csv:2"]  # <p>good&nbsp;film</p> is longer
    assert "once it is cleaned" in reasons["rows.csv:4"]
    assert reasons["rows.csv:7"] == "repeats rows.csv:5"
    assert reasons["rows.csv:8"] == "has no text"
    assert len(rows) == cleaned.written == len(ROWS) - len(reasons)
    assert {row["label"] for row in rows} == {"good", "neg"}
    assert any("oversample" in note for note in cleaned.notes)
    named = read(tmp_path / "out.removed.csv")
    assert {row["row"]: row["reason"] for row in named} == reasons


def test_lists_in_json_stay_lists(tmp_path):
    source = tmp_path / "rows.jsonl"
    rows = [
        {"tokens": ["<b>", "Anna", f"x{i}"], "ner_tags": ["O", "B-PER", "O"], "more": {"a": [i]}}
        for i in range(12)
    ]
    source.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    weitiao.clean(source, tmp_path / "out.jsonl", cleaners=["html"])
    first = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["tokens"] == ["Anna", "x0"]
    assert first["ner_tags"] == ["B-PER", "O"]
    assert first["more.a"] == [0]


def test_a_text_that_grows_too_long_for_a_cell_is_refused(tmp_path):
    source = write(tmp_path / "rows.csv", [("😂" * 3_000, "a"), ("fine", "b")])
    with pytest.raises(WeitiaoError, match="Excel"):
        weitiao.clean(source, tmp_path / "out.xlsx", cleaners=["emoji"])
    assert not (tmp_path / "out.xlsx").exists()


def test_a_list_of_rows_left_out_is_never_overwritten_or_stale(tmp_path):
    source = write(tmp_path / "rows.csv")
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.format(path=json.dumps(str(source))), encoding="utf-8")
    listed = tmp_path / "out.removed.csv"
    listed.write_text("mine", encoding="utf-8")
    with pytest.raises(WeitiaoError, match="exists already"):
        weitiao.clean(source, tmp_path / "out.csv", plan=plan)
    weitiao.clean(source, tmp_path / "out.csv", plan=plan, force=True)
    assert read(listed)[0]["row"] == "rows.csv:2"


@pytest.mark.parametrize("name", ["stop_words", "segmentation", "lower_case", "emoji"])
def test_texts_alone_have_no_task_and_are_cleaned_all_the_same(name):
    cleaned = weitiao.clean(["This is the good film", "x"], cleaners=[name])
    assert len(cleaned.data) == 2


def test_a_setting_that_a_cleaner_does_not_have_is_named_once():
    with pytest.raises(WeitiaoError, match=r"^cleaners: repeats\.longest: no such setting"):
        weitiao.clean(["a"], cleaners={"repeats": {"longest": 3}})
