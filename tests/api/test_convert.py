"""Rows to Label Studio and doccano and back: the same texts, targets and spans."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import weitiao
from weitiao.cli.app import app
from weitiao.data.files.annotation_targets import target_of
from weitiao.data.files.open import open_source
from weitiao.errors import WeitiaoError

# Emoji of one code point and of three, a han of plane 2, a combining accent, line ends.
PIECES = [
    "a",
    "b c",
    " ",
    "é",
    "e\u0301",
    "😀",
    "👨‍👩‍👧",
    "𠀀",
    "影片",
    "\n",
    '"',
    "<b>",
    "$x",
    "\\n",
    "=",
]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map(lambda p: "z" + "".join(p))
LABELS = st.sampled_from(["pos", "neg & more", "差评", "😀<", '"q"'])
QUICK = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def spans_in(draw, text):
    places = st.integers(0, len(text) - 1)
    spans = []
    for start in draw(st.lists(places, max_size=3)):
        end = draw(st.integers(start + 1, len(text)))
        if text[start:end].strip():
            spans.append({"start": start, "end": end, "label": draw(LABELS)})
    return spans


@st.composite
def rows_of(draw, kind):
    rows = []
    for text in draw(st.lists(TEXTS, min_size=2, max_size=5)):
        targets = {
            "labels": lambda: draw(LABELS),
            "label_sets": lambda: draw(st.lists(LABELS, min_size=0, max_size=3, unique=True)),
            "number": lambda: draw(st.one_of(st.integers(-5, 5), st.sampled_from([0.25, 4.5]))),
            "spans": lambda text=text: spans_in(draw, text),
            "text": lambda: draw(TEXTS),
        }
        rows.append({"text": text, "label": targets[kind]()})
    return rows


# One row that says the kind, whatever is drawn.
SURE = {
    "labels": ([{"text": f"row {n}", "label": "pos" if n % 2 else "差评"} for n in range(8)],
               "classification"),
    "label_sets": ([{"text": "x y", "label": ["pos", "差评"]}], "multilabel"),
    "number": ([{"text": "x y", "label": 0.5}], "regression"),
    "spans": ([{"text": "x y", "label": [{"start": 0, "end": 1, "label": "pos"}]}],
              "token_classification"),
    "text": ([{"text": "x y", "label": "a whole text"}], "generation"),
}  # fmt: skip


def read_back(path, reader=None):
    return open_source(str(path), {reader: {}} if reader else None).table.to_pylist()


@pytest.mark.parametrize("kind", SURE)
@pytest.mark.parametrize(
    ("tool", "ending", "reader"),
    [("label-studio", "json", None), ("doccano", "jsonl", "doccano")],
)
def test_out_and_back_is_the_same(tmp_path, kind, tool, ending, reader):
    path = tmp_path / f"tasks.{ending}"

    @QUICK
    @given(rows_of(kind))
    def check(rows):
        more, task = SURE[kind]
        rows = [*rows, *more]
        weitiao.convert(rows, path, to=tool, target="label", text="text", task=task, force=True)
        back = read_back(path, reader)
        assert [row["text"] for row in back] == [row["text"] for row in rows]
        for row, new in zip(rows, back, strict=True):
            want = target_of(kind, row["label"], row["text"])
            have = target_of(kind, new["label"], new["text"])
            if kind in ("label_sets", "spans"):
                want, have = (None if x is None else sorted(x) for x in (want, have))
            assert have == want

    check()


def convert(*words):
    return CliRunner().invoke(app, ["convert", *map(str, words)], catch_exceptions=True)


def test_command_line_writes_tasks_and_config_and_reads_them(tmp_path):
    rows = tmp_path / "rows.csv"
    lines = [f"good film {n},{'pos' if n % 2 else 'neg'}" for n in range(20)]
    rows.write_text("\n".join(["my text,mood", *lines]), encoding="utf-8")
    out, back = tmp_path / "t.json", tmp_path / "back.csv"
    assert convert(rows, "-o", out, "--to", "label-studio").exit_code == 0
    config = ElementTree.parse(tmp_path / "t.config.xml").getroot()
    assert [one.get("value") for one in config.iter("Choice")] == ["neg", "pos"]
    task = json.loads(out.read_text(encoding="utf-8"))[0]
    assert config.find("Text").get("value") == "$" + next(iter(task["data"]))
    assert convert(out, "-o", back).exit_code == 0
    assert back.read_text("utf-8-sig").split() == rows.read_text("utf-8").split()


def test_predictions_are_prelabels_and_no_labels(tmp_path):
    rows = [
        {"text": f"film {n}", "prediction": "ab"[n % 2], "score": 0.75, "score_a": 0.5}
        for n in range(12)
    ]
    report = weitiao.convert(rows, tmp_path / "t.json", to="label-studio")
    task = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))[0]
    assert (task["data"], task["annotations"]) == ({"text": "film 0"}, [])
    assert task["predictions"][0]["score"] == 0.75
    assert task["predictions"][0]["result"][0]["value"] == {"choices": ["a"]}
    assert (report.predicted, report.unlabelled) == (12, 12)
    source = open_source(str(tmp_path / "t.json"))
    assert source.columns == ["text"]
    assert "predictions of a model are no labels, and left out: 12 rows" in str(source.history)


def test_pairs_have_both_texts_in_label_studio_and_are_refused_for_doccano(tmp_path):
    rows = [
        {"premise": f"a man {n}", "hypothesis": "b", "label": ["neutral", "entailment"][n % 2]}
        for n in range(12)
    ]
    roles = {"premise": "premise", "hypothesis": "hypothesis", "target": "label"}
    asked = {"task": "nli", "roles": roles}
    report = weitiao.convert(rows, tmp_path / "t.json", to="label-studio", **asked)
    assert report.texts == ["premise", "hypothesis"]
    assert read_back(tmp_path / "t.json")[0]["hypothesis"] == "b"
    with pytest.raises(WeitiaoError, match="one text a row"):
        weitiao.convert(rows, tmp_path / "t.jsonl", to="doccano", **asked)


def test_annotations_of_the_first_doccano_are_spans_and_labels(tmp_path):
    path = tmp_path / "old.jsonl"
    spans = [
        {"text": "😀 Anna met Bo", "annotations": [
            {"label": 7, "start_offset": 3, "end_offset": 7, "user": 1}]},
        {"text": "nobody", "annotations": []},
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, spans)), encoding="utf-8")
    first, second = read_back(path, "doccano")
    assert target_of("spans", first["label"], first["text"]) == [(2, 6, "7")]
    assert target_of("spans", second["label"], second["text"]) == []
    texts = [{"text": f"t {n}", "annotations": [{"label": n % 2, "user": 1}]} for n in range(4)]
    texts.append({"text": "nobody has seen it", "annotations": None})
    path.write_text("\n".join(map(json.dumps, texts)), encoding="utf-8")
    rows = read_back(path, "doccano")
    assert [row["label"] for row in rows] == ["0", "1", "0", "1", None]
    assert "annotations" not in rows[0]


def test_rows_without_labels_need_names_to_choose_from(tmp_path):
    rows = [{"text": f"film {n}"} for n in range(5)]
    weitiao.convert(rows, tmp_path / "t.json", to="label-studio", labels=["good", "bad"])
    assert '<Choice value="good"/>' in (tmp_path / "t.config.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("units", ["code points", "UTF-16"])
def test_label_studio_of_any_version(tmp_path, units):
    text = "😀 Anna met Bo"
    more = units == "UTF-16"
    spans = [
        {
            "type": "labels",
            "value": {"start": a + more, "end": b + more, "text": text[a:b], "labels": ["PER"]},
        }
        for a, b in ((2, 6), (11, 13))
    ]
    tasks = [{"data": {"text": text}, "annotations": [{"result": spans}]}] * 2
    (tmp_path / "t.json").write_text(json.dumps(tasks), encoding="utf-8")
    label = json.loads(read_back(tmp_path / "t.json")[0]["label"])
    assert [(one["start"], one["end"]) for one in label] == [(2, 6), (11, 13)]


def test_regions_of_images_are_said_and_left_out(tmp_path):
    box = {"type": "rectanglelabels", "value": {"x": 1, "y": 2, "rectanglelabels": ["car"]}}
    tasks = [{"data": {"image": f"{n}.png"}, "annotations": [{"result": [box]}]} for n in range(3)]
    (tmp_path / "t.json").write_text(json.dumps(tasks), encoding="utf-8")
    source = open_source(str(tmp_path / "t.json"))
    assert source.columns == ["image"]
    assert "rectanglelabels (3)" in str(source.history)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "where to?"),
        (["-o", "x.csv", "--to", "doccano"], "imports .jsonl"),
        (["-o", "x.json", "--to", "studio"], "no tool called 'studio'"),
        (["-o", "x.csv", "train.epochs=3"], "changes only how a file is read"),
    ],
)
def test_mistakes_are_one_message(tmp_path, words, reason):
    rows = tmp_path / "r.csv"
    rows.write_text("text,label\na b,x\nc d,y\n", encoding="utf-8")
    words = [tmp_path / word if word.startswith("x.") else word for word in words]
    result = convert(rows, *words)
    assert isinstance(result.exception, WeitiaoError)
    assert reason in str(result.exception)


def test_spans_outside_their_text_name_the_row(tmp_path):
    rows = [{"text": "ab", "label": [{"start": 0, "end": 9, "label": "x"}]}] * 2
    with pytest.raises(WeitiaoError, match=r"rows:0: label: the span 0 to 9"):
        weitiao.convert(
            rows, tmp_path / "t.json", to="label-studio", text="text", target="label",
            task="token_classification",
        )  # fmt: skip
    line = {"text": "😀b", "label": [[1, 2, "x"]]}  # half of a character
    (tmp_path / "d.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    with pytest.raises(WeitiaoError, match="does not lie in the text"):
        weitiao.convert(str(tmp_path / "d.jsonl"), tmp_path / "d.csv", source="doccano")


def test_columns_of_the_names_that_doccano_reads_keep_their_cells(tmp_path):
    rows = [
        {"body": "a good film", "category": "film", "text": "short", "label": "x", "labels": "y"},
        {"body": "a dear room", "category": "hotel", "text": "other", "label": "z", "labels": ""},
    ]
    out = tmp_path / "t.jsonl"
    roles = {"text": "body", "target": "category"}
    made = weitiao.convert(rows, out, to="doccano", roles=roles, task="classification")
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert lines[0] == {
        "text": "a good film", "label": ["film"],
        "text_column": "short", "label_column": "x", "labels_column": "y",
    }  # fmt: skip
    assert lines[1]["label"] == ["hotel"]
    assert any("label -> label_column" in note for note in made.notes)
