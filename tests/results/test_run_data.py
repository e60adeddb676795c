"""Answers come back from the run's folder as they were judged."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from judged_runs import judged_run
from weitiao.results import run_data
from weitiao.results.run_data import gathered

TARGETS = {
    "classification": ["a", "b", "c", "b"] * 5,
    "multilabel": [["a"], [], ["b", "a"], ["c"]] * 5,
    "regression": [0.5, 2.0, -1.0, 7.25] * 5,
}
TEXTS = [f"text {i}" for i in range(20)]


@pytest.mark.parametrize("task", TARGETS)
def test_what_is_read_is_what_was_kept(task, tmp_path, monkeypatch):
    written = []
    keep = run_data.write_answers
    monkeypatch.setattr(
        run_data, "write_answers", lambda *given: (written.append(given[1]), keep(*given))
    )
    run = judged_run(tmp_path, TEXTS, TARGETS[task], task=task)
    kept = run_data.read_answers(run.folder)
    (given,) = written
    assert type(kept.answers) is type(given.answers)
    np.testing.assert_array_equal(kept.answers.targets, given.answers.targets)
    np.testing.assert_array_equal(kept.answers.values, given.answers.values)
    np.testing.assert_allclose(kept.answers.scores, given.answers.scores, atol=1e-6)
    assert kept.answers.labels == given.answers.labels
    for name, other in given.baselines.items():
        np.testing.assert_array_equal(kept.baselines[name], other.values)
    assert kept.ids(np.array([0, 3])) == ["rows.jsonl:1", "rows.jsonl:4"]


def test_the_file_can_be_read_by_others(tmp_path):
    run = judged_run(tmp_path, TEXTS, TARGETS["multilabel"], task="multilabel")
    table = pq.read_table(run.folder / "answers.parquet")
    assert table.column_names[:6] == ["id", "position", "target", "answer", "score", "scores"]
    assert [sorted(row) for row in table.column("target").to_pylist()[:3]] == [
        ["a"],
        [],
        ["a", "b"],
    ]
    assert "baseline_tfidf_linear" in table.column_names
    assert "text 3" not in str(table.to_pylist())


def test_texts_are_found_again_by_their_place(tmp_path):
    run = judged_run(tmp_path, TEXTS, TARGETS["classification"])
    material = gathered(run)
    assert material.texts(np.array([7, 2])) == [[("text", "text 7")], [("text", "text 2")]]


def test_texts_of_a_changed_file_are_gone(tmp_path):
    run = judged_run(tmp_path, TEXTS, TARGETS["classification"])
    file = tmp_path / "rows.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("text 7", "text x"), encoding="utf-8")
    assert gathered(run).texts(np.array([0])) is None
    file.unlink()
    assert gathered(run).texts(np.array([0])) is None


def test_a_relative_path_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = judged_run(tmp_path, TEXTS, TARGETS["classification"])
    plan = run.plan()
    plan.with_({"data.path": "rows.jsonl"}).save(run.plan_path)
    monkeypatch.chdir("/")
    assert gathered(run).texts(np.array([1])) == [[("text", "text 1")]]


def test_answers_of_another_judgement_are_not_mixed_with_the_figures(tmp_path):
    run = judged_run(tmp_path, TEXTS, TARGETS["classification"])
    run.write("metrics", {**run.read("metrics"), "split": "validation"})
    assert gathered(run).stored is None
