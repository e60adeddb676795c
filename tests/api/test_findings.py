"""Fit with decisions and criteria: what is saved, what is left in the run, what the page says."""

import csv
import json
import random
import re

import numpy as np
import pytest

import weitiao
from conftest import toy_rows
from weitiao.api.evaluate import passed
from weitiao.errors import DataError, PlanError, RunError, WeitiaoError
from weitiao.i18n.messages import speaking
from weitiao.reporting import page
from weitiao.run import Run

QUICK = {"train.epochs": 10, "train.evaluations": 2, "train.learning_rate": 3e-3,
         "train.refit": "never", "model.max_length": 32,
         "evaluate.bootstrap_samples": 50}  # fmt: skip


def rows_with_a_bad_source(count=800, seed=3):
    """Toy rows from five sources, the labels of one of them turned round."""
    rng = random.Random(seed)
    rows = toy_rows("classification", count, seed)
    for row in rows:
        row["source"] = rng.choice("ABCDE")
        if row["source"] == "D":
            row["label"] = {"good": "bad", "bad": "good"}[row["label"]]
    return rows


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, tiny_bert):
    root = tmp_path_factory.mktemp("closer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(root / "cache"))
        patch.setenv("WEITIAO_STATE", str(root / "state"))
        path = root / "rows.csv"
        rows = rows_with_a_bad_source()
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        yield weitiao.fit(
            path, model=tiny_bert, out=root / "runs", roles={"text": "text", "target": "label"},
            changes={**QUICK, "data.test_size": 0.4, "data.deduplicate": False,
                     "evaluate.decisions": {"abstain": {"coverage": 0.9}},
                     "acceptance": {"recall": {"label": "good", "at_least": 0.1},
                                    "accuracy": {"at_least": 0.999}}},
        )  # fmt: skip


@pytest.mark.slow
def test_the_planted_source_is_the_weakest_slice(fitted):
    first = fitted.findings.slices[0]
    assert (first["kind"], first["name"], first["value"]) == ("column", "source", "D")
    assert first["weak"]
    assert first["score"] < 0.5 < first["rest"]


def test_everything_is_left_in_the_run(fitted):
    run = fitted.run
    findings = json.loads((run.folder / "findings.json").read_text(encoding="utf-8"))
    assert findings.keys() >= {"slices", "checks", "groups", "near", "explained"}
    assert run.read("metrics")["acceptance"] == fitted.report.more["acceptance"]
    calibration = run.read("calibration")
    assert calibration.get("temperature", 1.0) > 0
    assert "temperature" in calibration or calibration["refused"]
    assert set(fitted.report.baselines) == {"majority", "tfidf_linear", "frozen_linear"}
    assert [one["passed"] for one in fitted.report.more["acceptance"]] == [True, False]
    assert not passed(fitted.report)
    for one in findings["near"]:
        assert one["id"].startswith("rows.csv:")


def test_the_saved_model_abstains(fitted, tmp_path):
    model = weitiao.load(fitted.run.best)
    assert model.task.abstain > 0
    source = tmp_path / "new.csv"
    source.write_text("text\n" + "\n".join(r["text"] for r in toy_rows("classification", 200, 9)),
                      encoding="utf-8")  # fmt: skip
    weitiao.predict(fitted.run.folder, str(source), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        answers = list(csv.DictReader(file))
    for row in answers:
        assert (row["prediction"] == "") == (float(row["score"]) < model.task.abstain)
    assert any(row["prediction"] for row in answers)


def test_decisions_are_chosen_anew_and_the_temperature_stays(fitted):
    before = fitted.run.read("calibration").get("temperature", 1.0)
    scores = weitiao.load(fitted.run.best).predict_proba(["a good film"])
    told = weitiao.calibrate(fitted.run.folder, {"at_recall": {"label": "good", "recall": 0.95}})
    assert (told["temperature"] or 1.0) == pytest.approx(before, rel=0.02)
    assert told["decisions"][0]["recall"] >= 0.95
    model = weitiao.load(fitted.run.best)
    assert set(model.task.thresholds) == {"good"}
    assert model.task.abstain == 0
    assert model.predict_proba(["a good film"]) == pytest.approx(scores, abs=0.02)
    assert weitiao.calibrate(fitted.run.folder, {})["decisions"] == []
    assert weitiao.load(fitted.run.best).task.thresholds == {}


def test_only_validation_is_read(fitted, monkeypatch):
    from weitiao.data.prepare import load, sealed

    def opened(*args):
        raise AssertionError("the test was opened")

    monkeypatch.setattr(sealed, "open_test", opened)
    taken = []
    real = load.Rows.targets
    monkeypatch.setattr(load.Rows, "targets", lambda rows: taken.append(len(rows)) or real(rows))
    weitiao.calibrate(fitted.run.folder)
    assert taken


def test_what_cannot_be_calibrated_is_told(fitted, tmp_path, tiny_bert):
    with pytest.raises(DataError, match="Did you mean 'good'"):
        weitiao.calibrate(fitted.run.folder, {"at_recall": {"label": "goof"}})
    with pytest.raises(PlanError, match="Did you mean 'at_recall'"):
        weitiao.calibrate(fitted.run.folder, {"at_recal": {"label": "good"}})
    with pytest.raises(RunError, match="no best model yet"):
        weitiao.calibrate(Run.create(tmp_path, "new", fitted.plan).folder)


def test_a_row_is_explained_by_the_run(fitted):
    found = weitiao.explain(fitted.run.folder, "the room was lovely")
    assert [word.text for word in found.words] == ["the", "room", "was", "lovely"]
    same = weitiao.explain(fitted.run.folder, {"text": "the room was lovely"})
    assert same.words == found.words
    with pytest.raises(WeitiaoError, match=r"reads 1 texts \(text\), not 2"):
        weitiao.explain(fitted.run.folder, ["a", "b"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_says_it_all(language, fitted, tmp_path):
    with speaking(language):
        text = page.write(fitted.run, tmp_path / "page.html").read_text(encoding="utf-8")
    wanted = {
        "en": ["Not accepted", "recall of good", "Weak slices", "source: D", "capital letters",
               "Calibration", "Reliability", "nearest training row:",
               "No prediction is given below"],
        "zh": ["验收未通过", "good 的召回率", "薄弱切片", "source：D", "大小写", "置信度校准", "可靠性",
               "最相近的训练行：", "不作答"],
    }  # fmt: skip
    for told in wanted[language]:
        assert told in text, told
    words = re.findall(r'class="word">.*?</span>(.*?)</p>', text)
    assert words[0] == wanted[language][0], "acceptance comes before the verdict"
    assert len(words) == 2


def test_findings_hold_no_row_of_the_training_data(fitted):
    raw = (fitted.run.folder / "findings.json").read_text(encoding="utf-8")
    texts = [row["text"] for row in rows_with_a_bad_source() if len(row["text"]) > 30]
    kept = [text for text in texts if text in raw]
    assert kept == []


@pytest.mark.slow
def test_numbers_and_sets_of_labels_go_the_same_way(tiny_bert, tmp_path):
    for task in ("regression", "multilabel"):
        fitted = weitiao.fit(
            toy_rows(task, 200), task=task, model=tiny_bert, out=tmp_path / "runs",
            roles={"text": "text", "target": "label"},
            changes={**QUICK, "train.epochs": 1, "data.test_size": 0.4,
                     **({"evaluate.decisions": "best_f1"} if task == "multilabel" else {})},
        )  # fmt: skip
        assert fitted.findings.checks
        assert np.isfinite(fitted.findings.slices[0]["score"])
        assert ("calibration" in fitted.report.more) == (task == "multilabel")
        text = fitted.page.read_text(encoding="utf-8")
        assert "Weak slices" in text
        assert ("Reliability" in text) == (task == "multilabel")


def test_findings_and_calibration_can_be_switched_off(tiny_bert, tmp_path):
    fitted = weitiao.fit(
        toy_rows("classification", 150), model=tiny_bert, out=tmp_path / "runs",
        roles={"text": "text", "target": "label"},
        changes={**QUICK, "train.epochs": 1, "evaluate.findings": False,
                 "evaluate.calibration": False, "evaluate.baselines": False},
    )  # fmt: skip
    assert not fitted.findings
    assert not (fitted.run.folder / "calibration.json").exists()
    assert "Weak slices" not in fitted.page.read_text(encoding="utf-8")
