"""A run's folder: numbered, swapped whole, mended, and honest about who works in it."""

import json
import math
import os
import subprocess
import sys

import pytest

from conftest import toy_plan
from weitiao.api.runs import runs as list_runs
from weitiao.api.single_run import name_of
from weitiao.errors import PlanError, RunError
from weitiao.i18n.messages import localized, plural, speaking
from weitiao.run import VERSION, Run, now, runs


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "runs", "toy", toy_plan("classification", "c"))


def test_runs_are_numbered_and_hold_their_plan(tmp_path):
    plan = toy_plan("classification", "c")
    names = [Run.create(tmp_path, name, plan).folder.name for name in ("a", "a", "b", "a")]
    assert names == ["a-001", "a-002", "b-001", "a-003"]
    assert Run.open(tmp_path / "a-002").plan() == plan
    assert {one.folder.name for one in runs(tmp_path)} == set(names)
    assert runs(tmp_path / "no") == []


@pytest.mark.parametrize(
    ("name", "folder"),
    [("a b/c", "a-b-c-001"), ("../..", "run-001"), ("", "run-001"), ("评论", "评论-001")],
)
def test_a_name_becomes_one_folder(name, folder, tmp_path):
    made = Run.create(tmp_path, name, toy_plan("classification", "c"))
    assert made.folder == tmp_path / folder


def test_a_run_is_named_as_its_file_without_signs():
    names = ["film reviews (final).csv", "data/*.csv", "sample:tweets", "评论 (1).xlsx", "a_b.csv"]
    assert list(map(name_of, names)) == [
        "film-reviews-final",
        "rows",
        "sample-tweets",
        "评论-1",
        "a_b",
    ]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises((RunError, PlanError), match="written"):
        Run.create(tmp_path / "file", "a", toy_plan("classification", "c"))


def test_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match="no run here"):
        Run.open(tmp_path)


def fill(run, text, name="best"):
    with run.replacing(name) as folder:
        (folder / "a").write_text(text, encoding="utf-8")


def test_a_folder_is_replaced_whole(run):
    for text in ("old", "new"):
        fill(run, text)
        assert (run.best / "a").read_text(encoding="utf-8") == text
    assert {path.name for path in run.folder.iterdir()} == {"plan.yaml", "best"}


def test_an_error_inside_leaves_the_old_one(run):
    fill(run, "old")
    with pytest.raises(ZeroDivisionError), run.replacing("best") as folder:
        (folder / "a").write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    assert (run.best / "a").read_text(encoding="utf-8") == "old"
    Run.open(run.folder).repair()
    assert not (run.folder / "best.new").exists()
    fill(run, "new")
    assert (run.best / "a").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("name", ["best", "last"])
def test_repair_undoes_or_finishes_a_swap(name, run):
    path, new, old = (run.folder / f"{name}{end}" for end in ("", ".new", ".old"))
    fill(run, "old", name)
    path.rename(old)
    new.mkdir()
    Run.open(run.folder).repair()  # killed between the two renames
    assert (path / "a").read_text(encoding="utf-8") == "old"
    assert not new.exists()
    assert not old.exists()
    old.mkdir()
    Run.open(run.folder).repair()  # killed before the old one was thrown away
    assert (path / "a").read_text(encoding="utf-8") == "old"
    assert not old.exists()


def test_the_state_is_that_of_the_process(run):
    assert run.status().state == "new"
    for state in ("finished", "failed", "early", "interrupted"):
        run.write("status", {"state": state, "pid": 1})
        assert run.status().state == state
    run.write("status", {"state": "running", "pid": os.getpid(), "started": now()})
    assert run.status().state == "running"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run.write("status", {"state": "running", "pid": gone.pid, "started": now()})
    assert run.status().state == "interrupted"
    # The number was given out again: somebody else lives there, born after the run began.
    run.write("status", {"state": "running", "pid": os.getpid(), "started": 1e9})
    assert run.status().state == "interrupted"


def test_the_log_is_cut_back_to_a_size(run):
    run.cut_log(0)  # nothing there yet
    run.log(step=1, text="好")
    size = run.log_size()
    run.log(step=2)
    with run.log_path.open("a", encoding="utf-8") as file:
        file.write('{"step": 3')  # cut off by a kill
    assert run.log_after(size) == [{"step": 2}]
    run.cut_log(size)
    assert run.log_size() == size
    assert run.history() == [{"step": 1, "text": "好"}]


def test_small_files_are_whole(run):
    run.write("metrics", {"a": 1.5, "b": "好", "path": run.folder})
    assert run.read("metrics") == {"a": 1.5, "b": "好", "path": str(run.folder)}
    assert run.read("nothing") == {}
    assert not list(run.folder.glob("*.new"))
    assert json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))["b"] == "好"


TORN = {
    "cut off": b'{"state": "running", "st',
    "empty": b"",
    "zeros": b"\0" * 100,
    "bytes": b"\xff\xfe\x00",
    "a list": b'["running"]',
    "a number": b"NaN",
    "endless": b"[" * 100_000,
    "digits": b'{"step": 1' + b"0" * 5000 + b"}",
}
FOREIGN = {
    "status": [
        '{"state": 3}',
        '{"pid": NaN}',
        '{"step": "many"}',
        '{"pid": [1]}',
        '{"version": {}}',
    ],
    "environment": ['{"history": "one line"}', '{"history": [1]}', '{"checkpoint": "folder"}'],
    "metrics": ['{"metrics": [0.5]}', '{"metrics": {"accuracy": "good"}}', '{"rows": 1.5}'],
}


@pytest.mark.parametrize("name", ["status", "environment", "metrics", "findings"])
@pytest.mark.parametrize("raw", TORN.values(), ids=TORN.keys())
def test_a_torn_file_is_one_error_that_names_it(run, name, raw):
    (run.folder / f"{name}.json").write_bytes(raw)
    with pytest.raises(RunError, match=rf"{name}\.json: damaged"):
        run.read(name)


@pytest.mark.parametrize(
    ("name", "text"), [(name, one) for name in FOREIGN for one in FOREIGN[name]]
)
def test_a_foreign_file_is_one_error_that_names_it(run, name, text):
    (run.folder / f"{name}.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=rf"{name}\.json: damaged"):
        run.read(name)
    run.write(name, {})  # which repairs it
    assert run.read(name) == {}


@pytest.mark.parametrize("pid", [10**30, -1, 0, 2**31, None])
def test_a_number_that_no_process_can_have_is_a_process_that_is_gone(run, pid):
    run.write("status", {"state": "running", "pid": pid, "started": now()})
    assert run.status().state == "interrupted"


def test_numbers_that_are_none_are_read(run):
    run.write("metrics", {"metrics": {"pearson": float("nan")}})
    run.write("status", {"value": float("nan"), "seconds_left": float("inf")})
    assert math.isnan(run.read("metrics")["metrics"]["pearson"])
    assert run.status().seconds_left == float("inf")


@pytest.mark.parametrize("name", ["status", "environment", "metrics"])
def test_a_file_without_a_version_is_read_and_written_with_one(run, name):
    path = run.folder / f"{name}.json"
    path.write_text('{"old": 1}', encoding="utf-8")
    assert run.read(name) == {"old": 1}
    run.write(name, {"rows": 2})
    assert json.loads(path.read_text(encoding="utf-8")) == {"rows": 2, "version": VERSION}


@pytest.mark.parametrize("name", ["status", "environment", "metrics"])
def test_what_a_newer_version_has_added_is_kept(run, name):
    path = run.folder / f"{name}.json"
    newer = {"version": VERSION + 1, "state": "finished", "from_the_future": {"a": [1]}}
    path.write_text(json.dumps(newer), encoding="utf-8")
    run.write(name, {"state": "failed", "more": 1})
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written == {**newer, "state": "failed", "more": 1}


def test_messages_are_plain_in_a_file_and_read_in_another_language(run):
    with speaking("en"):
        run.write("environment", {"history": [plural(3, "row"), "mine"]})
    stored = json.loads((run.folder / "environment.json").read_text(encoding="utf-8"))
    assert stored["history"] == ["3 rows", "mine"]
    with speaking("zh"):
        assert list(map(localized, run.read("environment")["history"])) == ["3 行", "mine"]


def test_one_damaged_run_does_not_hide_the_others(run):
    other = Run.create(run.folder.parent, "a", run.plan())
    other.write("status", {"state": "finished"})
    (run.folder / "status.json").write_bytes(b"{")
    listed = {line["run"]: line for line in list_runs(run.folder.parent)}
    assert listed[str(other.folder)]["state"] == "finished"
    assert listed[str(run.folder)]["state"] == "unreadable"
    assert "status.json" in listed[str(run.folder)]["error"]


def test_a_torn_line_of_the_log_is_an_error_that_names_it(run):
    run.log(step=1)
    with run.log_path.open("ab") as file:
        file.write(b"\0\0\n")
    with pytest.raises(RunError, match=r"log\.jsonl: damaged"):
        run.history()
