"""calibrate, explain and evaluate --gate on the command line: words, JSON, exit codes."""

import csv
import json

import pytest

import weitiao as package
from conftest import toy_rows


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_bert):
    """A run whose plan has criteria, one of them out of reach."""
    root = tmp_path_factory.mktemp("judging")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(root / "cache"))
        patch.setenv("WEITIAO_STATE", str(root / "state"))
        rows = toy_rows("classification", 240)
        with (root / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        fitted = package.fit(
            root / "rows.csv", model=tiny_bert, out=root / "runs",
            changes={"train.epochs": 3, "train.learning_rate": 3e-3, "model.max_length": 32,
                     "train.refit": "never",
                     "evaluate.bootstrap_samples": 20, "data.validation_size": 0.2,
                     "acceptance": {"accuracy": {"at_least": 0.01},
                                    "recall": {"label": "good", "at_least": 1.01}}},
        )  # fmt: skip
        yield fitted.run.folder


@pytest.fixture
def weitiao(monkeypatch, typed, home):
    monkeypatch.setenv("WEITIAO_CACHE", str(home.parent.parent / "cache"))
    return typed


def test_the_gate_ends_with_code_4_and_only_if_asked(weitiao, home):
    code, _, err = weitiao("evaluate", home, "--final", "--gate")
    assert code == 4
    assert "not accepted" in err
    assert "✕ not reached" in err
    assert weitiao("evaluate", home, "--final")[0] == 0
    code, out, _ = weitiao("evaluate", home, "--gate", "--json")
    assert code == 4
    told = json.loads(out)
    assert [one["passed"] for one in told["acceptance"]] == [True, False]
    assert told["findings"]["slices"]


def test_the_gate_opens_when_the_plan_of_the_run_wants_less(weitiao, home):
    plan = home / "plan.yaml"
    before = plan.read_text(encoding="utf-8")
    try:
        plan.write_text(before.replace("at_least: 1.01", "at_least: 0.0"), encoding="utf-8")
        assert weitiao("evaluate", home, "--gate")[0] == 0
        start = before.index("acceptance:")
        plan.write_text(before[:start] + before[before.index("why:") :], encoding="utf-8")
        code, _, err = weitiao("evaluate", home, "--gate")
        assert code == 2
        assert "no section acceptance" in err
    finally:
        plan.write_text(before, encoding="utf-8")


def test_calibrate_says_what_it_chose(weitiao, home):
    code, _, err = weitiao("calibrate", home, "at_recall.label=good", "at_recall.recall=0.8")
    assert code == 0
    assert "good is predicted from a confidence of" in err
    assert "temperature" in err
    code, out, _ = weitiao("calibrate", home, "costs.matrix.bad.good=5", "--json")
    assert json.loads(out)["decisions"][0]["name"] == "costs"
    assert package.load(home / "best").task.costs == {"bad": {"good": 5}}
    code, out, _ = weitiao("calibrate", home, "none", "--json")
    assert json.loads(out)["decisions"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["at_recal.label=good"], "Did you mean 'at_recall'"),
        (["at_recall.label=gud"], "There are: bad, good"),
        (["at_recall=3"], "write the setting, too"),
        (["at_recall"], "this must be set"),
    ],
)
def test_a_wrong_decision_is_one_message(words, told, weitiao, home):
    code, _, err = weitiao("calibrate", home, *words)
    assert code == 2
    assert told in err
    assert "Traceback" not in err


def test_explain_shows_the_words_and_gives_json(weitiao, home):
    code, out, err = weitiao("explain", home, "the room was lovely")
    assert (code, out) == (0, "")
    assert "lovely" in err
    assert "confidence lost without it" in err
    code, out, _ = weitiao("explain", home, "the room was lovely", "--label", "bad", "--json")
    told = json.loads(out)
    assert told["asked"] == "bad"
    assert [word["text"] for word in told["words"]] == ["the", "room", "was", "lovely"]
    code, _, err = weitiao("explain", home, "a", "b")
    assert code == 2
    assert "reads 1 texts" in err


@pytest.mark.parametrize("words", [("evaluate", "--final"), ("evaluate",), ("calibrate",)])
def test_changed_rows_are_refused_by_name(words, weitiao, home):
    file = home.parent.parent / "rows.csv"
    before = file.read_bytes()
    try:
        file.write_bytes(before + b"one film more,good\r\n")
        code, _, err = weitiao(words[0], home, *words[1:])
    finally:
        file.write_bytes(before)
    assert code == 2
    assert "its rows have changed since it was trained" in " ".join(err.split())


@pytest.mark.parametrize("labels", [("GOOD", "Bad"), ("goods", "b"), (" Good", "BAD ")])
def test_labels_that_are_spelt_otherwise_are_told(labels, weitiao, home, tmp_path):
    file = tmp_path / "other.csv"
    rows = [f"a film number {n},{labels[n % 2]}" for n in range(12)]
    file.write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    code, _, err = weitiao("evaluate", home, file)
    assert code == 2
    assert "the model knows none of its labels" in " ".join(err.split())
    assert "meant as 'good'" in " ".join(err.split())


@pytest.mark.parametrize("empty", ["", '""'])
def test_a_row_out_for_each_row_in(empty, weitiao, home, tmp_path):
    file, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    file.write_text(f"text\na good film\n{empty}\na bad one\n", encoding="utf-8")
    assert weitiao("predict", home, file, "--output", out)[0] == 0
    with out.open(encoding="utf-8-sig", newline="") as answers:
        assert len(list(csv.DictReader(answers))) == 3
