"""What fingers type: help in every spelling, names and removal of runs, and no silence."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import toy_plan, toy_rows
from weitiao.api.budget import within_budget
from weitiao.api.runs import runs
from weitiao.cli import terminal
from weitiao.cli.show import show_runs
from weitiao.core import notice
from weitiao.core.clock import awake
from weitiao.i18n import messages
from weitiao.run import Run
from weitiao.training.budget import Clock
from weitiao.training.recorder import Recorder
from weitiao.version import __version__

QUICK = ["train.epochs=1", "evaluate.bootstrap_samples=0", "evaluate.findings=false"]


def answering(monkeypatch, answer):
    """A terminal in which somebody answers."""
    reads = SimpleNamespace(isatty=lambda: True, readline=lambda: answer + "\n")
    monkeypatch.setattr(sys, "stdin", reads)


def test_version(typed):
    for option in ("--version", "-V"):
        assert typed(option) == (0, f"weitiao {__version__}\n", "")


@pytest.mark.parametrize("words", ["-h", "--help", "help", ""])
def test_help_of_all(words, typed):
    code, out, _ = typed(*words.split())
    assert code == 0
    assert "Usage: weitiao COMMAND" in out
    assert "-h, --help" in out
    assert "--version" in out


@pytest.mark.parametrize("words", ["fit -h", "fit --help", "help fit", "help fit --json"])
def test_help_of_a_command(words, typed):
    code, out, _ = typed(*words.split())
    assert code == 0
    assert "Usage: weitiao fit ROWS" in out
    assert "--name NAME" in out


def test_a_shell_completes_commands_and_options():
    def completed(line):
        env = {**os.environ, "_WEITIAO_COMPLETE": "complete_bash", "COMP_WORDS": line,
               "COMP_CWORD": str(len(line.split()) - 1)}  # fmt: skip
        command = [sys.executable, "-m", "weitiao"]
        return subprocess.run(
            command, env=env, capture_output=True, encoding="utf-8", timeout=60, check=False
        ).stdout.split()

    assert completed("weitiao ev") == ["evaluate"]
    assert completed("weitiao fit rows.csv --see") == ["--seed", "--seeds"]


def test_completion_is_set_up_in_the_users_language(typed, monkeypatch):
    from typer import completion

    monkeypatch.setattr(completion, "install", lambda: ("bash", "/home/me/.bashrc"))
    code, _, err = typed("--install-completion")
    assert (code, err) == (
        0, "completion for bash is set up in /home/me/.bashrc; it works in a new terminal.\n",
    )  # fmt: skip
    assert "补全" in typed("--install-completion", "--lang", "zh")[2]


def test_a_run_has_the_name_that_is_typed_and_can_be_removed(
    typed, tmp_path, tiny_bert, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    rows = toy_rows("classification", 40)
    text = "".join(f"{row['text']},{row['label']}\n" for row in rows)
    (tmp_path / "rows.csv").write_text("text,label\n" + text, encoding="utf-8")
    code, _, err = typed("fit", "rows.csv", "--name", "mine", "--model", tiny_bert, *QUICK)
    assert code == 0, err
    (line,) = runs()
    assert (line["run"], line["task"], line["data"]) == ("runs/mine", "classification", "rows.csv")
    assert (line["model"], line["state"]) == (tiny_bert, "finished")
    assert (
        abs(time.time() - time.mktime(time.strptime(line["date"][:19], "%Y-%m-%dT%H:%M:%S"))) < 600
    )
    shown = typed("runs")[2]
    for word in ("date", "runs/mine", "rows.csv", "finished"):
        assert word in shown
    answering(monkeypatch, "n")
    assert "Nothing removed" in typed("runs", "rm", "mine")[2]
    assert (tmp_path / "runs/mine/best").is_dir()
    answering(monkeypatch, "y")
    code, _, err = typed("runs", "rm", "mine")
    assert (code, (tmp_path / "runs/mine").exists()) == (0, False)
    assert "with its models and reports? [y/N]" in err
    assert (tmp_path / "rows.csv").exists()


def test_runs_are_sorted_by_date(tmp_path):
    plan = toy_plan("classification", "minilm-l6")
    for name, age in (("b", 50), ("c", 1000), ("a", 5)):
        run = Run.create(tmp_path, name, plan, exact=True)
        os.utime(run.plan_path, (time.time() - age,) * 2)
        (run.folder / "later.txt").write_text("a folder changes, a run keeps its date")
    assert [os.path.basename(line["run"]) for line in runs(tmp_path)] == ["c", "b", "a"]


def test_a_runs_path_is_not_broken_so_that_it_can_be_copied(capsys):
    about = {
        "task": "token_classification",
        "data": "film reviews (final).csv",
        "state": "finished",
    }
    rest = dict.fromkeys(("step", "total", "seconds_left"))
    run = {"run": "runs/film-reviews-final-001", "date": "2001-11-29T05:31", "model": "minilm-l6"}
    score = {"metric": "accuracy", "value": 0.5938, "split": "test"}
    show_runs([{**run, **about, **rest, **score}], Path("runs"))
    assert "runs/film-reviews-final-001 " in capsys.readouterr().err


def test_a_run_that_is_a_link_or_no_run_is_not_removed(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").mkdir()
    code, _, err = typed("runs", "rm", "precious", "--yes")
    assert (code, (tmp_path / "precious").is_dir()) == (2, True), err


def test_folders_become_labels_once_somebody_agrees(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in ("docs", "notes"):
        (tmp_path / "work" / label).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "work" / label / f"{number}.txt").write_text(f"text {label} {number}")
    answering(monkeypatch, "n")
    code, _, err = typed("plan", "work")
    assert code == 2
    assert "docs (3), notes (3). Are their names the labels? [y/N]" in err
    assert "name a file with rows" in err
    for words in (["--folder-labels"], []):
        answering(monkeypatch, "是")
        assert "too few" in typed("fit", "work", *words)[2], "it was read"


# --- no silence


def test_long_work_is_said_and_short_work_is_not(capsys):
    with notice.listening(terminal.say):
        with notice.during("long work", seconds=0.05):
            time.sleep(0.3)
        with notice.during("short work", seconds=5):
            pass
    with notice.during("nobody listens", seconds=0.0):
        time.sleep(0.05)
    assert capsys.readouterr().err == "long work\n"


def test_stopping_is_said_at_once():
    said = []
    with notice.listening(said.append):
        notice.now("stopping")
        deadline = time.monotonic() + 5
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said == ["stopping"]


def test_no_more_time_is_shown_than_the_budget_has():
    shown = []
    watch = within_budget(lambda progress, seconds: shown.append(seconds), 10.0, awake() - 4)
    for estimate in (3.0, 500.0, math.nan):
        watch(None, estimate)
    assert shown[0] == 3.0
    assert 5 < shown[1] <= 6
    assert math.isnan(shown[2])
    assert within_budget(None, 10.0, 0.0) is None

    recorder = Recorder.__new__(Recorder)
    recorder.step, recorder.total, recorder.clock = 1, 100, Clock(20.0)
    recorder.pace = SimpleNamespace(seconds_left=lambda step, total: 300.0)
    assert 19 < recorder._seconds_left() <= 20
    recorder.clock = Clock()
    assert recorder._seconds_left() == 300.0


def test_words_of_yes_are_those_of_both_languages(monkeypatch):
    messages.use("zh")
    for answer, meant in (("y", True), ("是", True), ("", False), ("不", False)):
        answering(monkeypatch, answer)
        assert terminal.confirmed("?", "--yes") is meant
