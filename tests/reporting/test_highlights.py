"""What a run of passages leaves and shows: its page, its answers, a comparison, predictions."""

import csv
import json

import pytest

import weitiao
from conftest import toy_rows
from weitiao.api.compare import compare
from weitiao.api.predict import predict
from weitiao.evaluation.passages import coverage
from weitiao.i18n.messages import speaking
from weitiao.reporting import page
from weitiao.reporting.highlights import excerpt
from weitiao.results.run_data import gathered, read_answers
from weitiao.run import Run
from weitiao.tasks.answers.passages import Passages

SMALL = {
    "train.epochs": 1, "train.evaluations": 1, "train.learning_rate": 1e-3,
    "evaluate.bootstrap_samples": 30, "model.max_length": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_bert):
    """A judged run on rows with something to hide."""
    folder = tmp_path_factory.mktemp("passages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(folder / "cache"))
        patch.setenv("WEITIAO_STATE", str(folder / "state"))
        rows = toy_rows("question_answering")
        for row in rows:
            row["context"] += " <b> write to ann@example.com"
        path = folder / "rows.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
        yield weitiao.fit(str(path), model=tiny_bert, out=folder / "runs", changes=SMALL)


def test_the_page_shows_questions_masked_and_escaped_in_both_languages(done):
    for language, none, limit in (
        ("en", "(no answer)", "When it gives"),
        ("zh", "（无答案）", "何时答"),
    ):
        with speaking(language):
            text = page.write(done.run).read_text(encoding="utf-8")
        assert "ann@example.com" not in text
        assert "<b>" not in text
        assert "which is good" in text
        assert none in text
        assert limit in text
        assert "coverage" in text
    page.write(done.run)


def test_what_was_judged_is_read_back_as_it_was(done):
    kept = read_answers(done.run.folder)
    report = json.loads((done.run.folder / "metrics.json").read_text(encoding="utf-8"))
    assert report["metrics"]["f1"] == pytest.approx(kept.answers.counts[:, 1].mean())
    assert report["coverage"] == coverage(kept.answers)
    assert all(isinstance(golds, tuple) for golds in kept.answers.targets)
    assert set(kept.baselines) == {"lexical", "no_answer"}
    assert gathered(Run.open(done.run.folder)).evaluated_rows is not None


def test_predictions_have_places_that_name_the_answer(done, tmp_path):
    path = str(done.plan.data.path)
    predict(done.run.folder, path, tmp_path / "answers.csv")
    with (tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    answered = [row for row in rows if row["prediction"]]
    assert {"prediction", "start", "end", "score", "score_no_answer"} <= rows[0].keys()
    for row in answered:
        given = row["prediction"].removeprefix("'")  # which keeps a sheet from calculating @...
        assert row["context"][int(row["start"]) : int(row["end"])] == given
    assert all(row["start"] == row["end"] == "" for row in rows if not row["prediction"])
    answer = done({"question": "which is good", "context": "the film was good"})
    assert set(answer.places) == {"start", "end"}


def test_a_run_is_compared_with_a_file_of_answers(done, tmp_path):
    ids = gathered(done.run).stored.ids(range(done.report.rows))
    other = tmp_path / "rules.csv"
    lines = ["id,prediction", *(f"{identity},good" for identity in ids)]
    other.write_text("\n".join(lines), encoding="utf-8")
    found = compare(done.run.folder, other)
    assert found.comparisons[0].rows == done.report.rows
    assert [gap.name for gap in found.comparisons[0].gaps] == ["f1", "exact_match"]
    assert found.write(tmp_path / "compare.html").stat().st_size > 1000
    same = compare(done.run.folder, done.run.folder)
    assert same.verdict == "same"


def test_columns_of_the_rows_keep_their_names(done, tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {"question": "which", "context": "the film", "start": 3}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    predict(done.run.folder, str(path), tmp_path / "answers.jsonl")
    (answer,) = map(json.loads, (tmp_path / "answers.jsonl").read_text("utf-8").splitlines())
    assert answer["start"] == 3
    assert "weitiao_start" in answer
    assert "end" in answer


def test_an_excerpt_does_not_cut_what_would_be_masked():
    import numpy as np

    mail = "someone.with.a.long.name@example.com"
    passage = "word " * 40 + mail + " " + "x " * 60 + "answer" + " tail" * 90
    targets, values = np.empty(1, object), np.empty(1, object)
    targets[0], values[0] = ("answer",), ""
    judged = Passages(targets, values, np.ones(1), counts=np.zeros((1, 5)))
    for shift in range(40):
        text = passage.replace("x " * 60, "x" * (120 - shift) + " ")
        _, (_, shown) = excerpt(judged, 0, [("question", "q"), ("context", text)])
        assert "answer" in shown
        assert len(shown) < 500
        assert mail in shown or "example" not in shown
