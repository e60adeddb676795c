import csv
import json

import pytest
from typer.testing import CliRunner

import weitiao
from weitiao.cli.app import app
from weitiao.errors import DataError, PlanError

ROWS = [
    {"text": f"we {verb} to Paris by {way} on day {at}", "label": label}
    for verb, label in (("flew", "good"), ("walked", "bad"))
    for at, way in enumerate(("plane", "train", "bus", "boat"))
]


def test_copies_stand_behind_their_rows_with_their_origin(tmp_path):
    out = tmp_path / "augmented.csv"
    report = weitiao.augment(ROWS, out, steps=["aeda", "random_edits"], times=2)
    with out.open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    originals = [row for row in written if not row["augmented_by"]]
    assert [(row["text"], row["label"]) for row in originals] == [
        (row["text"], row["label"]) for row in ROWS
    ]
    assert len(written) == len(ROWS) + sum(report.made.values())
    assert set(report.made) == {"aeda", "random_edits"}
    for row in written:
        if row["augmented_by"]:
            source = ROWS[int(row["augmented_from"].rpartition(":")[2])]
            assert row["label"] == source["label"]
            assert row["text"] != source["text"]
    assert all(report.samples[name] for name in report.made)
    json.dumps(report.to_json())


def test_spans_of_new_rows_are_written_with_their_text():
    rows = [
        {
            "text": f"we met {name} in May",
            "spans": [{"start": 7, "end": 7 + len(name), "label": "p"}],
        }
        for name in ("Ann", "Bob", "Cleo")
    ]
    data = weitiao.augment(rows, steps=["entity_swap", "aeda"], times=2).data
    assert len(data) > len(rows)
    for row in data:
        spans = row["spans"]
        for span in json.loads(spans) if isinstance(spans, str) else spans:
            start, end = (span["start"], span["end"]) if isinstance(span, dict) else span[:2]
            assert row["text"][start:end] in {"Ann", "Bob", "Cleo"}


def test_formulas_are_guarded_and_the_input_is_never_overwritten(tmp_path):
    source = tmp_path / "rows.csv"
    source.write_text("text,label\n=SUM all of it,a\nsome more text here,b\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    report = weitiao.augment(str(source), out, steps=["aeda"])
    assert any("'" in note or "apostrophe" in note for note in report.notes)
    assert "\n=SUM" not in out.read_text(encoding="utf-8-sig")
    with pytest.raises(DataError):
        weitiao.augment(str(source), source, force=True)
    with pytest.raises(DataError, match="augmented_by"):
        weitiao.augment(str(out), steps=["aeda"])


def test_mistakes_are_one_sentence(tmp_path):
    with pytest.raises(PlanError, match="aedaa"):
        weitiao.augment(ROWS, steps=["aedaa"])
    with pytest.raises(PlanError, match="100"):
        weitiao.augment(ROWS, times=1000)
    with pytest.raises(DataError, match="entity_swap"):
        weitiao.augment(ROWS, steps=["entity_swap"])


def test_the_command_counts_and_shows_samples(tmp_path):
    source = tmp_path / "rows.csv"
    lines = [f"{row['text']},{row['label']}" for row in ROWS]
    source.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    done = CliRunner().invoke(
        app, ["augment", str(source), "--step", "aeda", "data.steps.aeda.times=2", "--json"]
    )
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["rows"] == 8
    assert report["made"]["aeda"] > 8


def test_names_of_labels_are_counted_and_have_their_own_label():
    report = weitiao.augment(ROWS, steps={"label_names": {}})
    assert report.made == {"label_names": 2}
    assert [(row["text"], row["label"]) for row in report.data[len(ROWS) :]] == [
        ("good", "good"), ("bad", "bad")
    ]  # fmt: skip
    rows = [{"text": f"a thing {at}", "label": "red|blue" if at % 2 else "red"} for at in range(8)]
    report = weitiao.augment(rows, task="multilabel", steps={"label_names": {}})
    made = {row["text"]: row["label"] for row in report.data[len(rows) :]}
    assert made == {"red": "red", "blue": "blue"}
    kept = [{"text": row["text"], "label": row["label"]} for row in report.data]
    reader = weitiao.augment(kept, task="multilabel", steps={"label_names": {}})
    assert reader.made == {"label_names": 0}  # the names are read back as they were written
