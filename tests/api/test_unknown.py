"""Unknown inputs: rows that are not learned, the choice of the score, answers, reports."""

import csv
import json
import random
import shutil

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification

import weitiao
from conftest import WORDS, toy_plan
from weitiao.api.unknown import held_out_aurocs
from weitiao.data.prepare.load import load
from weitiao.errors import DataError, ModelError, PlanError
from weitiao.model.model import Model
from weitiao.planfile.acceptance import OF_UNKNOWN
from weitiao.results.unknown import UnknownRecord
from weitiao.run import Run

LABELS = {"praise": "superb", "grumble": "awful", "dirt": "dirty", "weather": "cold", "oos": "sad"}
QUICK = {
    "evaluate.baselines": False, "evaluate.findings": False, "evaluate.bootstrap_samples": 20,
    "data.test_size": 0.25, "data.validation_size": 0.25, "train.epochs": 4,
    "train.learning_rate": 8e-3, "evaluate.unknown": "auto", "evaluate.keep_known": 0.9,
}  # fmt: skip


def topical_rows(count=160, seed=0, labels=LABELS):
    rng = random.Random(seed)
    rows = []
    for at in range(count):
        label = list(labels)[at % len(labels)]
        words = [rng.choice(WORDS["other"]) for _ in range(rng.randint(2, 6))]
        words.insert(rng.randint(0, len(words)), labels[label])
        rows.append({"text": " ".join(words), "label": label})
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("unknown")


@pytest.fixture(scope="module")
def rows_file(folder):
    path = folder / "topics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in topical_rows()))
    return str(path)


@pytest.fixture(scope="module")
def plan(tiny_bert, rows_file):
    changes = {**QUICK, "data.path": rows_file, "data.labels.unknown": ["oos"]}
    return toy_plan("classification", tiny_bert, **changes)


@pytest.fixture(scope="module")
def fitted(plan, folder):
    return weitiao.train(plan, out=folder / "runs", name="topics")


def test_rows_of_unknown_labels_are_set_apart(plan):
    data = load(plan.data, "classification")
    known = {*data.train.targets(), *data.validation.targets(), *data.sealed_test.targets()}
    assert known == {*LABELS} - {"oos"}
    assert {*data.unknown.targets(), *data.sealed_unknown.targets()} == {"oos"}
    parts = (data.train, data.validation, data.sealed_test, data.unknown, data.sealed_unknown)
    assert len({row for part in parts for row in part.ids()}) == 160
    assert "32 rows of unknown inputs" in data.history[-1]
    plain = load(plan.with_({"data.labels.unknown": []}).data, "classification")
    assert plain.fingerprint != data.fingerprint


def test_a_label_that_no_row_has_is_named(plan):
    with pytest.raises(DataError, match=r"'ooss'.*Did you mean 'oos'"):
        load(plan.with_({"data.labels.unknown": ["ooss"]}).data, "classification")


def test_unknown_inputs_get_the_name_of_their_label(fitted):
    model = weitiao.load(fitted.run.folder)
    assert "oos" not in model.labels_
    known = topical_rows(60, seed=1, labels={k: v for k, v in LABELS.items() if k != "oos"})
    unknown = topical_rows(20, seed=2, labels={"oos": "sad"})
    answers = model.predict([row["text"] for row in known + unknown])
    refused = answers == "oos"
    assert refused[60:].mean() > refused[:60].mean() + 0.1
    proba = model.predict_proba([row["text"] for row in unknown])
    assert proba.shape == (20, 4)
    one = model(unknown[0]["text"])
    assert one.best_known in model.labels_
    assert 0 < one.known_score <= 1
    scores = model.known_scores([row["text"] for row in known])
    assert ((scores <= 0.1 + 1e-9) == refused[:60]).all()


def test_metrics_and_page_say_how_many_are_caught(fitted):
    figures = fitted.run.read("metrics")["unknown"]
    assert figures["unknown_rows"] > 10
    assert figures["known_rows"] > 20
    assert figures["auroc"] > 0.6
    assert figures["choice"]["chosen_by"] == "unknown_rows"
    assert set(figures["choice"]["aurocs"]) == {"max_probability", "energy", "mahalanobis"}
    assert [point["known"] for point in figures["curve"]][-1] == 1.0
    page = fitted.page.read_text(encoding="utf-8")
    assert "Unknown inputs" in page
    assert "are caught" in page
    assert Run.open(fitted.run.folder).read("unknown")["score"] == figures["score"]
    again = weitiao.evaluate(fitted.run.folder)  # validation: the same figures once more
    assert again.report.more["unknown"]["refused"] == figures["refused"]


def test_the_folder_stays_one_of_transformers(fitted):
    best = fitted.run.best
    assert AutoModelForSequenceClassification.from_pretrained(best).config.num_labels == 4
    assert json.loads((best / "unknown.json").read_text())["answer"] == "oos"
    assert not list(best.rglob("*.pkl"))
    assert not list(best.rglob("*.bin"))
    assert "likeliest label instead" in (best / "README.md").read_text(encoding="utf-8")


def test_predict_keeps_the_best_known_label(fitted, tmp_path):
    file, said = tmp_path / "out.csv", []
    rows = [row["text"] for row in topical_rows(30, seed=3)]
    weitiao.predict(fitted.run.folder, rows, file, say=said.append)
    with file.open(encoding="utf-8-sig") as stream:
        table = list(csv.DictReader(stream))
    assert {"prediction", "score", "best_known", "known_score"} <= table[0].keys()
    for row in table:
        low = float(row["known_score"]) <= 0.1 + 1e-9
        assert row["prediction"] == ("oos" if low else row["best_known"])
    count = sum(row["prediction"] == "oos" for row in table)
    assert any(line.startswith(f"{count} of 30 rows are unknown inputs") for line in said)


def test_a_file_to_evaluate_on_may_hold_unknown_rows(fitted, tmp_path):
    file = tmp_path / "more.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in topical_rows(50, seed=5)))
    report = weitiao.evaluate(fitted.run.folder, str(file)).report
    assert report.rows == 40
    assert report.more["unknown"]["unknown_rows"] == 10
    only = tmp_path / "only.jsonl"
    lines = topical_rows(9, labels={"oos": "sad"})
    only.write_text("".join(json.dumps(row) + "\n" for row in lines))
    with pytest.raises(DataError, match="all rows are unknown inputs"):
        weitiao.evaluate(fitted.run.folder, str(only))


def test_a_run_killed_after_training_gets_the_same_detector(fitted, tmp_path):
    run = Run(tmp_path / "killed")
    shutil.copytree(fitted.run.folder, run.folder)
    for name in ("unknown.json", "unknown.safetensors"):
        (run.best / name).unlink()
    run.write("status", {**run.read("status"), "state": "trained", "pid": None})
    weitiao.resume(run.folder)
    for name in ("unknown.json", "unknown.safetensors"):
        assert (run.best / name).read_bytes() == (fitted.run.best / name).read_bytes()
    assert run.read("metrics")["unknown"] == fitted.run.read("metrics")["unknown"]


@pytest.mark.slow
def test_held_out_labels_choose_the_score(plan, tmp_path):
    rows = [row for row in topical_rows(200) if row["label"] != "oos"]
    plan = plan.with_({"data.labels.unknown": [], "train.epochs": 1, "train.refit": "always"})
    file = tmp_path / "known.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = weitiao.train(plan, changes={"data.path": str(file)}, out=tmp_path / "runs").run
    record = UnknownRecord.read(run)
    assert record.chosen_by == "held_out_labels"
    assert record.score == max(record.aurocs, key=record.aurocs.get)
    selected, kept = Model.load(run.selected).detector, Model.load(run.best).detector
    assert kept.answer == "unknown"
    assert (selected.reference == kept.reference).all()
    figures = run.read("metrics")["unknown"]
    assert figures["unknown_rows"] == 0
    assert "auroc" not in figures


def test_an_answer_that_is_a_label_is_refused(plan, tmp_path):
    rows = topical_rows(60)
    for row in rows:
        row["label"] = row["label"].replace("oos", "unknown")
    file = tmp_path / "clash.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = {"data.labels.unknown": [], "data.path": str(file)}
    with pytest.raises(DataError, match="--unknown-label unknown"):
        weitiao.train(plan.with_(changes), out=tmp_path / "runs")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evaluate.unknown": "none"}, "set it to auto"),
        ({"data.labels.unknown": [], "acceptance.unknown_caught": {"at_least": 0.5}}, "needs rows"),
        (
            {"data.labels.unknown": [], "evaluate.unknown": "none",
             "acceptance.known_refused": {"at_most": 0.1}},
            "needs evaluate.unknown",
        ),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together(plan, tmp_path, changes, words):
    with pytest.raises(PlanError, match=words):
        weitiao.train(plan.with_(changes), out=tmp_path / "runs")


def test_tasks_without_one_label_a_row_have_none(tiny_bert, tmp_path):
    plan = toy_plan("multilabel", tiny_bert, **{"evaluate.unknown": "auto"})
    with pytest.raises(PlanError, match="one label a row"):
        weitiao.train(plan, out=tmp_path / "runs")


def test_acceptance_by_unknown_inputs(fitted, plan, folder, tmp_path):
    run = tmp_path / "accepted"
    shutil.copytree(fitted.run.folder, run)
    limits = {f"acceptance.{name}": {"at_least": 0.0} for name in OF_UNKNOWN}
    Run(run).plan().with_(limits).save(run / "plan.yaml", full=True)
    verdicts = {one["name"]: one for one in weitiao.evaluate(run).report.more["acceptance"]}
    assert verdicts.keys() == {*OF_UNKNOWN}
    for name in OF_UNKNOWN:
        assert verdicts[name]["low"] <= verdicts[name]["value"] <= verdicts[name]["high"]


def test_a_model_without_detector_says_so(fitted, tmp_path):
    folder = tmp_path / "plain"
    shutil.copytree(fitted.run.best, folder)
    (folder / "unknown.json").unlink()
    model = weitiao.load(folder)
    with pytest.raises(ModelError, match=r"evaluate\.unknown=auto"):
        model.known_scores(["a film"])
    (folder / "unknown.json").write_text("{}")
    with pytest.raises(ModelError, match="unknown"):
        weitiao.load(folder)


def test_held_out_labels_are_not_learned():
    """With labels at the corners of a cube, the distance recognizes held-out ones."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 8, 400)
    corners = np.array([[at & 1, at >> 1 & 1, at >> 2 & 1] for at in range(8)], float)
    features = np.hstack([corners[labels], rng.normal(size=(400, 5))])
    features[:, :3] += rng.normal(scale=0.05, size=(400, 3))
    aurocs = held_out_aurocs(features.astype(np.float32), labels, 13)
    assert aurocs["mahalanobis"] > 0.97 > aurocs["max_probability"] > 0.5
    assert held_out_aurocs(features, np.zeros(400, int), 13) == {}
