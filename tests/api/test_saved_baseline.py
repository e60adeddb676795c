"""A run saves its baseline, predicts by it, and says when it is ahead of the network."""

import csv
import json

import pytest

import weitiao
from conftest import toy_rows
from weitiao.errors import RunError
from weitiao.results import better

QUICK = {
    "train.epochs": 1,
    "train.evaluations": 1,
    "train.learning_rate": 1e-7,  # the network learns nothing
    "model.max_length": 32,
    "evaluate.bootstrap_samples": 50,
    "evaluate.findings": False,
}


@pytest.fixture(scope="module")
def fitted(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    lines = map(json.dumps, toy_rows("classification", 160))
    (folder / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    return weitiao.fit(folder / "rows.jsonl", model=tiny_bert, out=folder, changes=QUICK)


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_baseline_answers_like_the_network_in_form(fitted, tmp_path):
    run, file = fitted.run.folder, tmp_path / "new.jsonl"
    texts = ["a good film", "the food was bad", ""]
    file.write_text("\n".join(json.dumps({"text": text}) for text in texts), "utf-8")
    assert weitiao.predict(run, file, tmp_path / "network.csv") == 3
    assert weitiao.predict(run, file, tmp_path / "baseline.csv", baseline=True) == 3
    network, baseline = table(tmp_path / "network.csv"), table(tmp_path / "baseline.csv")
    assert list(network[0]) == list(baseline[0])
    assert [row["prediction"] for row in baseline[:2]] == ["good", "bad"]
    model = weitiao.load(run, baseline=True)
    assert model("a good film").value == "good"
    with pytest.warns(UserWarning, match="1 row without a text"):
        assert model.predict_proba(texts).shape == (3, 2)
    assert [one.value for one in model(*texts[:2])] == [row["prediction"] for row in baseline[:2]]
    assert (network[2]["prediction"], baseline[2]["score_good"]) == ("", "")


def test_the_command_line_answers_with_it(fitted, tmp_path):
    from typer.testing import CliRunner

    from weitiao.cli.app import app

    (tmp_path / "new.jsonl").write_text(json.dumps({"text": "a good film"}), "utf-8")
    out = tmp_path / "answers.csv"
    words = ["predict", fitted.run.folder, tmp_path / "new.jsonl", "-o", out, "--baseline"]
    assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0
    assert [row["prediction"] for row in table(out)] == ["good"]


def test_the_saved_baseline_is_scored_and_not_fitted_again(fitted, monkeypatch):
    before = json.loads((fitted.run.folder / "metrics.json").read_text("utf-8"))["baselines"]
    monkeypatch.setattr("weitiao.evaluation.baselines.of_model.fit_baselines", None)
    report, _split, _openings = weitiao.evaluate(fitted.run.folder, final=True)
    assert report.baselines["tfidf_linear"] == before["tfidf_linear"]


def test_a_run_without_a_saved_baseline_says_so_and_evaluate_fits_it(fitted, tmp_path):
    import shutil

    run = tmp_path / "old"
    shutil.copytree(fitted.run.folder, run)
    shutil.rmtree(run / "baseline")
    with pytest.raises(RunError, match=r"no saved baseline here.*weitiao evaluate"):
        weitiao.load(run, baseline=True)
    weitiao.evaluate(run)
    assert weitiao.load(run, baseline=True)("a good film").value == "good"


@pytest.mark.parametrize("state", ["interrupted", "failed"])
def test_a_run_that_was_stopped_is_to_go_on(state, fitted, tmp_path):
    import shutil

    run = tmp_path / "stopped"
    shutil.copytree(fitted.run.folder, run)
    shutil.rmtree(run / "baseline")
    status = json.loads((run / "status.json").read_text("utf-8"))
    (run / "status.json").write_text(json.dumps({**status, "state": state}), "utf-8")
    with pytest.raises(RunError, match=r"stopped before its end.*weitiao train --resume"):
        weitiao.load(run, baseline=True)


def test_the_linear_start_is_said(tiny_bert, tmp_path):
    lines = list(map(json.dumps, toy_rows("classification", 60)))
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    told: list[str] = []
    fitted = weitiao.fit(tmp_path / "rows.jsonl", model=tiny_bert, out=tmp_path,
                         changes={**QUICK, "train.refit": "never"}, say=told.append)  # fmt: skip
    first = fitted.run.history()[1]["validation"]["accuracy"]
    (line,) = [line for line in told if line.startswith("linear start: ")]
    assert line == f"linear start: accuracy {first:.3f} on 9 validation rows"


def test_a_baseline_that_is_ahead_is_said_first(fitted):
    summary = fitted.summary()
    assert next(iter(summary)) == "better"
    assert summary["better"] == "baseline"
    ahead = summary["better_baseline"]
    assert ahead["baseline"] == "tfidf_linear"
    assert ahead["value"] > ahead["model"]
    assert ahead["difference"][2] < 0
    assert ahead["difference"][0] == pytest.approx(ahead["model"] - ahead["value"])
    page = fitted.page.read_text("utf-8")
    assert "TF-IDF with a linear model is better on validation" in page
    assert "worth it" not in page
    weitiao.evaluate(fitted.run.folder)  # it is about training, and outlives an evaluation
    metrics = json.loads((fitted.run.folder / "metrics.json").read_text("utf-8"))
    assert metrics["better"] == "baseline"


def test_terminal_and_page_know_of_the_same_training(fitted):
    def learned(values):
        return {name: values[name] for name in ("best_step", "epochs")}

    metrics = json.loads((fitted.run.folder / "metrics.json").read_text("utf-8"))
    assert learned(fitted.summary()) == learned(metrics)
    report, _split, _openings = weitiao.evaluate(fitted.run.folder)
    assert learned(report.summary()) == learned(metrics)


def test_the_terminal_says_it_first(fitted, capsys):
    from weitiao.cli.show_results import show_fitted

    show_fitted(fitted)
    lines = capsys.readouterr().err
    assert lines.lstrip().startswith("TF-IDF with a linear model is better on validation")
    assert "worth it" not in lines


def test_nothing_is_compared_where_the_network_is_ahead(fitted):
    model = fitted.model
    folder = fitted.run.folder / "baseline"
    from weitiao.data.prepare.load import load

    data = load(fitted.plan.data, fitted.plan.task_name)
    assert better.better_baseline(model, data, folder, 1.0) is None
    assert better.better_baseline(model, data, folder.parent / "none", 0.0) is None


@pytest.mark.parametrize("task", ["multilabel", "regression", "nli", "token_classification"])
def test_every_task_predicts_by_its_baseline(task, tiny_bert, tmp_path):
    from conftest import toy_data, toy_plan
    from weitiao.evaluation.baselines.model import BaselineModel
    from weitiao.evaluation.baselines.of_model import fit_for, save_for
    from weitiao.model.model import Model

    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan, 80)
    model = Model.start(plan, data.train, data.validation)
    save_for(model, tmp_path / "baseline", fit_for(model, data.train, data.validation))
    examples = data.validation.examples()
    by_baseline = list(BaselineModel.load(tmp_path / "baseline").predictions(examples))
    by_network = list(model.predictions(examples))
    assert len(by_baseline) == len(by_network) == len(examples)
    for one, other in zip(by_baseline, by_network, strict=True):
        assert type(one.value) is type(other.value)
        assert one.scores.keys() == other.scores.keys()


def test_of_a_network_without_a_training_step_no_verdict_on_fine_tuning_is_shown(
    fitted, tmp_path, capsys
):
    """The page said that there was no time to train; the terminal, that training is worth nothing."""
    import shutil
    from dataclasses import replace

    from typer.testing import CliRunner

    from weitiao.cli.app import app
    from weitiao.cli.show_results import show_fitted
    from weitiao.run import Run

    run = Run(tmp_path / "short")
    shutil.copytree(fitted.run.folder, run.folder)
    of_run = {k: v for k, v in run.read("metrics").items() if k not in better.KEYS}
    run.write("metrics", {**of_run, "step": 0, "best_step": 0, "epochs": 0.0})
    show_fitted(replace(fitted, run=run, report=replace(fitted.report, more={})))
    shown = [capsys.readouterr().err, CliRunner().invoke(app, ["evaluate", str(run.folder)]).output]
    for text in (" ".join(one.split()) for one in shown):
        assert "There was no time for fine-tuning: the model is a linear model on the" in text
        assert "of training." not in text
        assert "worth it" not in text


def test_an_evaluation_on_rows_that_were_learned_is_said(fitted, tmp_path):
    told: list[str] = []
    rows = tmp_path / "rows.jsonl"
    own = [*map(json.dumps, toy_rows("classification", 160))]
    new = [json.dumps({"text": f"new text {i}", "label": "good"}) for i in range(9)]
    rows.write_text("\n".join([*own, *new]), "utf-8")
    weitiao.evaluate(fitted.run.folder, rows, say=told.append)
    assert any("a text that the model was trained or validated on" in line for line in told)
    rows.write_text("\n".join(new), "utf-8")
    told.clear()
    weitiao.evaluate(fitted.run.folder, rows, say=told.append)
    assert not any("trained or validated on" in line for line in told)
