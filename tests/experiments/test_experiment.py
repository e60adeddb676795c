"""Experiments: cells by content, peers, failures, and kills that change nothing."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

import weitiao
from conftest import toy_plan, toy_rows
from weitiao.cli.app import app
from weitiao.errors import PlanError, WeitiaoError
from weitiao.experiments.cells import Experiment, cells_of
from weitiao.experiments.executors.base import Finished, Job
from weitiao.experiments.executors.local import Local
from weitiao.experiments.store import Store
from weitiao.experiments.work import run_cell
from weitiao.results import run_data

QUICK = {
    "train.epochs": 1, "train.evaluations": 2, "train.save_seconds": 0, "evaluate.baselines": False,
    "evaluate.bootstrap_samples": 20, "evaluate.findings": False,
}  # fmt: skip


@pytest.fixture
def asked(tiny_bert, tmp_path):
    """A folder with rows, a plan and an experiment of two recipes and two seeds."""

    def make(text="recipes: {usual: {}, warm: {train.learning_rate: 3e-3}}\nseeds: 2\n", rows=60):
        with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([row["text"], row["label"]]
                             for row in toy_rows("classification", rows))  # fmt: skip
        plan = toy_plan("classification", tiny_bert, **QUICK)
        plan.with_({"data.path": str(tmp_path / "rows.csv")}).save(tmp_path / "plan.yaml")
        (tmp_path / "exp.yaml").write_text(f"plan: plan.yaml\n{text}", encoding="utf-8")
        return tmp_path / "exp.yaml"

    return make


@pytest.fixture
def in_process(monkeypatch):
    """Cells run in this process: what a worker computes needs no start of another."""

    def run(executor, jobs):
        for job in jobs:
            run_cell(job.root, job.cell)
            yield Finished(job.key)

    monkeypatch.setattr(Local, "run", run)


def keys(path):
    return [cell.key for cell in cells_of(*Experiment.load(path))]


def test_cells_are_known_by_their_content(asked, tmp_path):
    path = asked()
    first = keys(path)
    assert len(first) == len(set(first)) == 4
    more = "recipes: {a: {train.learning_rate: 3e-3}, b: {}, c: {train.epochs: 2}}\nseeds: 3\n"
    assert set(first) < set(keys(asked(more))), "other names, the same content"
    assert keys(asked(rows=61))[0] not in first, "other rows"
    path = asked("recipes: {usual: {}, warm: {train.learning_rate: 3e-3}}\nseeds: [13, 14]\n")
    assert keys(path) == first
    text = (tmp_path / "plan.yaml").read_text(encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(f"# a remark\n{text}", encoding="utf-8")
    assert keys(path) == first


@pytest.mark.parametrize(("text", "told"), [
    ("seds: 3\n", "Did you mean 'seeds'"),
    ("peers: [tfidf_liner]\n", "Did you mean 'tfidf_linear'"),
    ("peers: {trainer: {epoch: 3}}\n", "Did you mean 'epochs'"),
    ("executor: slurm\n", "no 'slurm' among the executors"),
    ("recipes: {a: {train.lerning_rate: 1}}\n", "learning_rate"),
    ("seeds: 0\n", "at least one"),
])  # fmt: skip
def test_mistakes_are_told_before_anything_runs(text, told, asked):
    with pytest.raises(PlanError, match=told):
        cells_of(*Experiment.load(asked(text)))


@pytest.mark.slow
def test_recipes_and_peers_become_one_table(asked, tmp_path):
    path = asked("recipes: {usual: {}, warm: {train.learning_rate: 3e-3}}\n"
                 "peers: [tfidf_linear]\nseeds: 2\n")  # fmt: skip
    said = []
    found = weitiao.run_experiment(path, out=tmp_path / "out", say=said.append)
    rows = found.rows()
    assert [row["state"] for row in rows] == ["done"] * 6
    lines = {line.recipe: line for line in found.lines()}
    assert list(lines) == ["usual", "warm", "tfidf_linear"]
    assert lines["usual"].against is None
    assert lines["warm"].against is not None
    assert lines["warm"].against.level == 0.975
    assert lines["tfidf_linear"].std == 0
    with (tmp_path / "out" / "table.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["value"]) for row in table] == [row["value"] for row in rows]
    weights = [*(tmp_path / "out").rglob("*.safetensors")]
    assert weights == [], "what stays is what a comparison needs"
    folders = [str(tmp_path / "out/cells" / row["key"]) for row in rows if row["recipe"] == "warm"]
    peer = next(row for row in rows if row["method"] == "tfidf_linear")
    compared = weitiao.compare(",".join(folders), tmp_path / "out/cells" / peer["key"])
    assert compared.comparisons[0].rows == rows[0]["rows"]

    again = weitiao.run_experiment(path, out=tmp_path / "out", say=said.append)
    assert "0 to run" in said[-1]
    assert again.rows() == rows
    shown = CliRunner().invoke(app, ["experiment", str(path), "--out", str(tmp_path / "out"),
                                     "--show", "--json"])  # fmt: skip
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout.splitlines()[-1])
    assert [line["done"] for line in told["lines"]] == [2, 2, 2]


def test_a_cell_that_fails_costs_only_itself(asked, tmp_path, request):
    path = asked("recipes: {broken: {model.checkpoint: ./nowhere}, usual: {}}\nseeds: 1\n")
    found = weitiao.run_experiment(path, out=tmp_path / "out")
    request.getfixturevalue("in_process")
    assert [row["state"] for row in found.rows()] == ["failed", "done"]
    line = found.lines()[0]
    assert "nowhere" in line.error
    assert found.missing() == [], "it is not tried again unasked"
    again = weitiao.run_experiment(path, out=tmp_path / "out", again=True)
    assert [row["state"] for row in again.rows()] == ["failed", "done"]


def test_a_peer_that_is_not_installed_is_said_and_left_missing(
    asked, tmp_path, monkeypatch, in_process
):
    from weitiao.experiments.peers.setfit import SetFit

    monkeypatch.setattr(SetFit, "needs", ("no_such_module_at_all",))
    said = []
    path = asked("recipes: {usual: {}}\npeers: [setfit]\nseeds: 1\n")
    found = weitiao.run_experiment(path, out=tmp_path / "out", say=said.append)
    assert [row["state"] for row in found.rows()] == ["done", "missing"]
    assert "pip install setfit" in said[0]


def test_what_is_known_can_be_read_at_any_time(asked, tmp_path):
    path = asked()
    found = weitiao.open_experiment(path, out=tmp_path / "out")
    assert [row["state"] for row in found.rows()] == ["missing"] * 4
    cell = found.cells[1]
    Store(tmp_path / "out").write(cell.key, {"state": "done", "metric": "accuracy", "value": 0.5})
    assert [row["value"] for row in found.rows()] == [None, 0.5, None, None]
    assert found.lines()[1].mean == 0.5


def table_of(root):
    path = root / "table.csv"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def kill_often(path, kills, seed, tmp_path):
    """Carry it out, killed so often at random moments; the table at the end."""
    words = [sys.executable, "-m", "weitiao.cli.app", "experiment", str(path), "--threads", "1"]
    here = {**os.environ, "PYTHONPATH": str(Path(weitiao.__file__).parents[1])}
    unbroken = [*words, "--out", str(tmp_path / "unbroken")]
    begun = time.monotonic()
    subprocess.run(unbroken, env=here, check=True, capture_output=True)
    length, rng = time.monotonic() - begun, random.Random(seed)
    broken, killed = [*words, "--out", str(tmp_path / "broken")], 0
    while killed < kills:
        process = subprocess.Popen(broken, env=here, stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0.15, 0.7) * length)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        if "missing" not in table_of(tmp_path / "broken") and killed < kills:
            for record in (tmp_path / "broken" / "cells").glob("*.json"):
                record.unlink()  # done already: from the beginning, until it was killed enough
    subprocess.run(broken, env=here, check=True, capture_output=True)
    return table_of(tmp_path / "broken"), table_of(tmp_path / "unbroken")


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 10])
def test_killed_at_random_it_ends_with_the_same_table(kills, asked, tmp_path):
    path = asked("recipes: {usual: {}, warm: {train.learning_rate: 3e-3, train.epochs: 3}}\n"
                 "peers: [tfidf_linear]\nseeds: 2\n")  # fmt: skip
    broken, unbroken = kill_often(path, kills, 3, tmp_path)
    assert "missing" not in unbroken
    assert broken == unbroken


MASTER = """
import json, sys
from weitiao.experiments.executors.base import Job
from weitiao.experiments.executors.local import Local

list(Local().run([Job(**json.loads(sys.argv[1]))]))
"""


def test_workers_end_when_their_master_is_killed(asked, tmp_path):
    import psutil

    cell = cells_of(*Experiment.load(asked("recipes: {usual: {}}\nseeds: 1\n")))[0]
    store = Store(tmp_path / "out")
    store.folder_of(cell.key).mkdir(parents=True)
    job = json.dumps(vars(Job(cell.key, str(store.root), cell.job())))
    here = {**os.environ, "PYTHONPATH": str(Path(weitiao.__file__).parents[1])}
    with FileLock(store.folder_of(cell.key) / ".lock"):  # its worker would wait for ever
        words = [sys.executable, "-c", MASTER, job]
        process = subprocess.Popen(words, env=here, stderr=subprocess.DEVNULL)
        children: list[psutil.Process] = []
        end = time.monotonic() + 60
        while not children and time.monotonic() < end:
            time.sleep(0.2)
            children = psutil.Process(process.pid).children()
        assert children
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_show_takes_no_other_option(asked):
    done = CliRunner().invoke(app, ["experiment", str(asked()), "--show", "--again"])
    assert isinstance(done.exception, WeitiaoError)


def ids_of(folder):
    saved = run_data.read_answers(folder)
    return saved.ids(range(len(saved.answers)))


def test_folds_test_each_row_once_and_are_compared_over_all_rows(asked, tmp_path):
    text = "recipes: {usual: {}, warm: {train.learning_rate: 3e-3}}\nfolds: 3\n"
    path = asked(text, rows=66)
    done = weitiao.run_experiment(path, out=tmp_path / "store")
    assert [(cell.seed, cell.fold) for cell in done.cells[::2]] == [
        (13, "1/3"), (13, "2/3"), (13, "3/3")
    ]  # fmt: skip
    usual, warm = done.lines()
    assert len(usual.values) == usual.cells == 3
    ids = [line for cell in done.cells[::2] for line in ids_of(done.store.folder_of(cell.key))]
    assert len(ids) == len(set(ids)) == done.record(done.cells[0]).rows * 3
    assert warm.against.rows == len(ids)
    assert [row["fold"] for row in done.rows()[::2]] == ["1/3", "2/3", "3/3"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("folds: 3\nsplit: validation\n", "folds are evaluated on their tests"),
        ("folds: 1\n", "folds"),
        ("recipes: {x: {data.fold: 4/3}}\n", "there are folds 1 to 3"),
    ],
)
def test_folds_that_are_none(text, told, asked, tmp_path):
    with pytest.raises(WeitiaoError) as caught:
        done = weitiao.run_experiment(asked(text), out=tmp_path / "store")
        raise WeitiaoError(done.lines()[0].error)
    assert told in str(caught.value)
