"""What an earlier version wrote still works: a plan, a finished run, an interrupted one.

golden/previous/ is never written anew; golden/README.md says how it was made.
"""

import csv
import json
import shutil
from contextlib import chdir

import pytest

from golden_runs import GOLDEN, SURROUNDINGS, run_cli
from golden_text import difference, pretty

PREVIOUS = GOLDEN / "previous"
PLACES = {"finished": "runs/rows-001", "interrupted": "runs/rows-002"}
FINISHED, INTERRUPTED = PLACES.values()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The earlier files at another place, which is the working directory."""
    for path in PREVIOUS.iterdir():
        target = tmp_path / PLACES.get(path.name, path.name)
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, target)
    for name, value in SURROUNDINGS.items():
        monkeypatch.setenv(name, value)
    with chdir(tmp_path):
        yield tmp_path


def weitiao(*words):
    told = run_cli(*words, "--lang", "en")
    assert told.code == 0, told.err
    return told


def told_by(*words):
    return json.loads(weitiao(*words, "--json").out)


def predictions(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def lines(rows):
    """Rows as golden lines, so that numbers are compared as everywhere."""
    return "".join(pretty(row, width=100_000) + "\n" for row in rows)


def numbered(rows):
    return [{name: float(cell) if name.startswith("score") else cell for name, cell in row.items()}
            for row in rows]  # fmt: skip


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]


def anywhere(path):
    """Lets a checkpoint be gone on with on another processor and with another torch, which is
    refused elsewhere, since the numbers differ a little."""
    values = json.loads(path.read_text("utf-8"))
    values["settings"] |= {"instructions": None, "torch": None}
    path.write_text(json.dumps(values), "utf-8")


def test_a_model_loads_and_answers_the_same(home):
    import weitiao as package

    rows = predictions(PREVIOUS / "predictions.csv")
    for folder in (FINISHED, f"{FINISHED}/best"):
        answers = package.load(folder)(*[row["text"] for row in rows])
        assert [answer.value for answer in answers] == [row["prediction"] for row in rows]
        assert [answer.score for answer in answers] == pytest.approx(
            [float(row["score"]) for row in rows], abs=1e-4
        )


def test_predict_answers_the_same(home):
    weitiao("predict", FINISHED, "rows.jsonl", "-o", "now.csv")
    before, now = (lines(numbered(predictions(path)))
                   for path in (PREVIOUS / "predictions.csv", home / "now.csv"))  # fmt: skip
    told = difference("previous/predictions.csv", before, now)
    assert not told, "\n" + told


def test_evaluate_finds_the_same(home):
    before = json.loads((PREVIOUS / "finished/metrics.json").read_text("utf-8"))
    now = told_by("evaluate", FINISHED, "--final")
    assert before["openings"] == 1  # counted where the rows were; the count does not travel
    for name in ("metrics", "intervals", "baselines", "rows", "split", "primary"):
        told = difference(f"previous/metrics.json: {name}", pretty(before[name]), pretty(now[name]))
        assert not told, "\n" + told
    assert told_by("evaluate", FINISHED)["split"] == "validation"
    assert told_by("evaluate", FINISHED, "rows.jsonl")["rows"] == 100


def test_report_shows_it(home):
    weitiao("report", FINISHED)
    page = (home / FINISHED / "report.html").read_text("utf-8")
    assert "accuracy" in page
    assert "中性" in page


def test_it_is_listed_and_compared(home):
    listed = told_by("runs")["runs"]
    assert {run["run"]: run["state"] for run in listed} == {
        FINISHED: "finished", INTERRUPTED: "interrupted",
    }  # fmt: skip
    weitiao("train", "plan.yaml", "--seed", 1, "--threads", 1)
    weitiao("evaluate", "runs/rows-003", "--final")
    assert told_by("compare", FINISHED, "runs/rows-003")["rows"] == 15


def test_an_interrupted_run_goes_on_to_the_same_end(home):
    begun = log_of(home / INTERRUPTED)
    anywhere(home / INTERRUPTED / "last/state.json")
    told = weitiao("train", "--resume", INTERRUPTED, "--json")
    assert json.loads(told.out)["state"] == "finished"
    assert "step 15/44" not in told.err, "it begins where it stopped, at 20"
    assert "step 30/44" in told.err
    now = log_of(home / INTERRUPTED)
    assert 0 < len(begun) < len(now)
    told = difference("previous/log.jsonl", lines(log_of(PREVIOUS / "finished")), lines(now))
    assert not told, "\n" + told


def test_a_plan_is_carried_out_to_the_same_end(home):
    assert told_by("check", "plan.yaml")["problems"] == []
    # Since then the output layer is fitted first; without that, all is as it was.
    run = told_by("train", "plan.yaml", "train.linear_start=false", "--threads", 1)["run"]
    told = difference("previous/log.jsonl", lines(log_of(PREVIOUS / "finished")),
                      lines(log_of(home / run)))  # fmt: skip
    assert not told, "\n" + told
