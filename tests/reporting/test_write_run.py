"""What fit, train and evaluate leave in a run, and what a report of it must not touch."""

import json
import shutil
import sys

import pytest

import weitiao
from conftest import toy_plan, toy_rows
from weitiao.api.evaluate import evaluate
from weitiao.cli.app import main
from weitiao.data.prepare import sealed
from weitiao.errors import DivergedError
from weitiao.reporting import page
from weitiao.results import run_data
from weitiao.results.run_data import gathered
from weitiao.run import Run
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.passages import Passages

TASKS = [
    "classification", "multilabel", "nli", "question_answering", "regression", "similarity",
    "token_classification",
]  # fmt: skip


def fitted(task, tiny_bert, folder, **changes):
    small = {"train.epochs": 1, "train.learning_rate": 1e-3, "model.max_length": 32,
             "evaluate.bootstrap_samples": 50, **changes}  # fmt: skip
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, toy_rows(task))) + "\n", encoding="utf-8")
    return weitiao.fit(str(file), task=task, model=tiny_bert, out=folder / "runs", changes=small)


def openings():
    file = sealed.openings_file()
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


@pytest.mark.slow
def test_fit_leaves_a_page_with_what_was_judged_for_every_task(tmp_path, tiny_bert):
    for task in TASKS:
        (tmp_path / task).mkdir()
        done = fitted(task, tiny_bert, tmp_path / task)
        assert done.page.stat().st_size < 500_000
        material = gathered(done.run)
        assert len(material.stored) == done.report.rows
        assert material.evaluated_rows is not None, "the texts are found again"
        assert set(material.stored.baselines) == set(done.report.baselines)
        assert done.report.against in done.report.baselines
        assert done.report.primary in done.report.differences
        found = material.statistics.rows
        assert found["test"] == done.report.rows
        assert {".pkl", ".pt", ".bin"}.isdisjoint(f.suffix for f in done.run.folder.rglob("*"))
        assert done.summary()["report"] == str(done.page)
        labelled = not isinstance(material.stored.answers, Numbers | Passages)
        page = done.page.read_text(encoding="utf-8")
        assert ("Every label, the weakest first" in page) == labelled, task


def test_report_anew_asks_neither_model_nor_test(tmp_path, tiny_bert, monkeypatch, capsys):
    done = fitted("classification", tiny_bert, tmp_path)
    before, text = openings(), done.page.read_text(encoding="utf-8")
    (done.run.best / "model.safetensors").unlink()
    done.page.unlink()
    monkeypatch.setattr(sys, "argv", ["weitiao", "report", str(done.run.folder)])
    main()
    assert f"report: {done.page}" in capsys.readouterr().err
    assert openings() == before == 1
    assert done.page.read_text(encoding="utf-8") == text


def test_the_verb_takes_a_language_a_place_and_speaks_json(
    tmp_path, tiny_bert, monkeypatch, capsys
):
    done = fitted("classification", tiny_bert, tmp_path)
    other = tmp_path / "报告 zh.html"
    words = ["weitiao", "report", str(done.run.folder), "--lang", "zh", "-o", str(other), "--json"]
    monkeypatch.setattr(sys, "argv", words)
    capsys.readouterr()
    main()
    assert json.loads(capsys.readouterr().out)["report"] == str(other)
    assert '<html lang="zh-CN"' in other.read_text(encoding="utf-8")


def test_train_is_judged_on_validation_then_the_test_is_worth_more(tmp_path, tiny_bert):
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, toy_rows("classification"))), encoding="utf-8")
    plan = toy_plan("classification", tiny_bert, **{"data.path": str(file), "train.epochs": 1})
    done = weitiao.train(plan, out=tmp_path / "runs")
    run = done.run
    assert run_data.read_answers(run.folder).header.split == "validation"
    assert "test" not in gathered(run).statistics.rows, "still sealed"
    assert "slightly optimistic" in done.page.read_text(encoding="utf-8")
    report, _, _ = evaluate(run.folder, final=True)
    assert run_data.read_answers(run.folder).header.split == "test"
    assert run.read("metrics")["rows"] == report.rows == len(gathered(run).stored)
    assert run.read("metrics")["seconds"], "how it was made stays"
    evaluate(run.folder)
    assert run_data.read_answers(run.folder).header.split == "test"
    assert "used for the first time" in done.page.read_text(encoding="utf-8")


def test_a_file_that_is_not_the_runs_own_leaves_nothing(tmp_path, tiny_bert):
    done = fitted("classification", tiny_bert, tmp_path)
    before = (done.run.folder / "answers.parquet").read_bytes()
    with pytest.warns(UserWarning, match="trained or validated on"):
        evaluate(done.run.folder, str(tmp_path / "rows.jsonl"))
    assert (done.run.folder / "answers.parquet").read_bytes() == before


def test_a_run_that_fails_leaves_a_page(tmp_path, tiny_bert):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_bert, broken)
    weights = load_file(broken / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][:] = float("nan")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(DivergedError):
        fitted("classification", str(broken), tmp_path)
    (folder,) = (tmp_path / "runs").iterdir()
    assert Run.open(folder).status().state == "failed"
    assert "The run failed" in (folder / page.NAME).read_text(encoding="utf-8")
