"""Cells on a cluster of three local nodes: the table of one machine, also when a node is killed."""

import csv
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import weitiao
from conftest import toy_plan, toy_rows
from weitiao.api.tune_trials import Trainings
from weitiao.errors import WeitiaoError
from weitiao.experiments.executors import ray as ours

os.environ.setdefault("RAY_worker_niceness", "0")  # else tests wait for other programs
ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

# Ray warns of its own deprecations.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.filterwarnings("default")]

QUICK = {
    "train.epochs": 2, "train.evaluations": 4, "train.save_seconds": 0, "evaluate.baselines": False,
    "evaluate.bootstrap_samples": 20, "evaluate.findings": False,
}  # fmt: skip
LONGER = {"train.epochs": 12, "train.batch_size": 16}


@pytest.fixture
def cluster():
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    workers = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes()
    yield made, workers
    ray.shutdown()
    made.shutdown()


def write_plan(folder, model, count, **changes):
    """plan.yaml of so many rows, which lie beside it."""
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([r["text"], r["label"]] for r in toy_rows("classification", count))
    plan = toy_plan("classification", model, **{**QUICK, **changes})
    plan.with_({"data.path": str(folder / "rows.csv")}).save(folder / "plan.yaml")
    return folder / "plan.yaml"


@pytest.fixture
def asked(tiny_bert, tmp_path):
    write_plan(tmp_path, tiny_bert, 80)
    text = "plan: plan.yaml\nrecipes: {usual: {}, warm: {train.learning_rate: 3e-3}}\nseeds: 3\n"
    (tmp_path / "exp.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "exp.yaml"


def table(path, out, executor):
    done = weitiao.run_experiment(path, out=out, executor=executor)
    return done, (done.store.root / "table.csv").read_text(encoding="utf-8")


def test_the_table_is_that_of_one_machine(cluster, asked, tmp_path):
    made, _workers = cluster
    where = {"ray": {"address": made.address}}
    done, there = table(asked, tmp_path / "ray", where)
    _here, here = table(asked, tmp_path / "local", {"local": {"threads": 1}})
    assert there == here
    assert not done.failed()
    again, _same = table(asked, tmp_path / "ray", where)
    assert not again.missing()


def test_a_node_that_is_killed_costs_nothing_but_time(cluster, asked, tmp_path):
    made, workers = cluster

    def kill():
        time.sleep(12)
        made.remove_node(workers[0], allow_graceful=False)

    thread = threading.Thread(target=kill)
    thread.start()
    done, there = table(asked, tmp_path / "ray", {"ray": {"address": made.address}})
    thread.join()
    _here, here = table(asked, tmp_path / "local", {"local": {"threads": 1}})
    assert there == here
    assert not done.failed()


def test_a_cluster_that_is_not_there_is_named(asked, tmp_path):
    where = {"ray": {"address": "127.0.0.1:1"}}
    with pytest.raises(WeitiaoError, match="no cluster at 127.0.0.1:1"):
        weitiao.run_experiment(asked, out=tmp_path / "ray", executor=where)


def test_a_folder_that_a_machine_does_not_see_is_said(tmp_path):
    job = {"key": "k", "root": str(tmp_path / "nowhere"), "cell": {}}
    assert "does not see" in ours._run(job, str(tmp_path))


@pytest.fixture
def plan_file(tiny_bert, tmp_path):
    return write_plan(tmp_path, tiny_bert, 400, **LONGER)


def losses(fitted):
    return [line["loss"] for line in fitted.run.history() if "loss" in line]


def test_a_training_of_two_workers_is_that_of_two_processes(cluster, plan_file, tmp_path):
    made, _workers = cluster
    there = weitiao.train_on_cluster(plan_file, workers=2, address=made.address, out=tmp_path)
    assert there.state == "finished"
    assert len(losses(there)) == there.run.status().total
    assert not (there.run.folder / "ray").exists()
    started = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "weitiao",
         "train", str(plan_file), "--out", str(tmp_path / "torchrun"), "--threads", "1"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not started.returncode, started.stderr
    (folder,) = (tmp_path / "torchrun").iterdir()
    other = weitiao.Run.open(folder)
    here = [line["loss"] for line in other.history() if "loss" in line]
    assert losses(there) == pytest.approx(here, rel=1e-4)


@contextmanager
def killing_a_node(made, node, out):
    """Kill the node once the training has a checkpoint; another one is in its place."""
    made.add_node(num_cpus=1)  # here, since Ray sets signal handlers, which a thread may not
    made.wait_for_nodes()
    killed = []

    def kill():
        while not killed:
            time.sleep(0.2)
            for status in out.glob("*/status.json") if out.exists() else ():
                step = weitiao.Run.open(status.parent).status().step or 0
                if step >= 30 and (status.parent / "last").exists():
                    made.remove_node(node, allow_graceful=False)
                    killed.append(step)

    thread = threading.Thread(target=kill)
    thread.start()
    yield killed
    thread.join()
    assert killed


def test_a_training_goes_on_when_a_node_is_killed(cluster, plan_file, tmp_path):
    made, workers = cluster
    out = tmp_path / "runs"
    with killing_a_node(made, workers[0], out):
        fitted = weitiao.train_on_cluster(plan_file, workers=3, address=made.address, out=out)
    steps = [line["step"] for line in fitted.run.history() if "loss" in line]
    assert steps == list(range(1, fitted.run.status().total + 1))  # each update once
    with (
        killing_a_node(made, workers[1], tmp_path / "b"),
        pytest.raises(WeitiaoError, match="--resume .* --executor ray --workers 3"),
    ):
        weitiao.train_on_cluster(
            plan_file, workers=3, address=made.address, out=tmp_path / "b", tries=1
        )
    (folder,) = (tmp_path / "b").iterdir()
    other = weitiao.resume_on_cluster(folder, workers=3, address=made.address)
    assert losses(fitted) == pytest.approx(losses(other), rel=1e-5)


def test_a_cluster_that_is_too_small_is_said(cluster, plan_file, tmp_path):
    made, _workers = cluster
    with pytest.raises(WeitiaoError, match="has 3 processors.*need 4"):
        weitiao.train_on_cluster(plan_file, workers=4, address=made.address, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_what_no_restart_would_mend_is_told_once(cluster, plan_file, tmp_path):
    made, _workers = cluster
    changes = {"train.sharding": "full"}  # which processors do not have
    with pytest.raises(WeitiaoError, match="sharding"):
        weitiao.train_on_cluster(
            plan_file, address=made.address, changes=changes, out=tmp_path / "runs"
        )


@pytest.fixture
def many_rows(tmp_path):
    path = tmp_path / "many.csv"
    rows = [r["text"] for r in toy_rows("classification", 400)] * 100
    path.write_text("text\n" + "\n".join(f"{text} {at}" for at, text in enumerate(rows)) + "\n\n")
    return path


def test_predictions_are_those_of_one_machine_when_a_node_is_killed(
    cluster, plan_file, many_rows, tmp_path
):
    made, workers = cluster
    run = weitiao.train(plan_file, out=tmp_path / "runs").run.folder
    counted = []
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"

    def step(rows):
        if not counted:  # in the middle: other chunks are under way
            made.remove_node(workers[0], allow_graceful=False)
        counted.append(rows)

    weitiao.predict_on_cluster(
        run, str(many_rows), there, workers=3, address=made.address, step=step
    )
    weitiao.predict(run, str(many_rows), here, threads=1)
    assert there.read_text(encoding="utf-8") == here.read_text(encoding="utf-8")
    assert sum(counted) == 40_000


def tuned(plan_file, folder, made=None, at_once=2):
    """A search of five trials; on the cluster, or by this process as if so many ran at once."""
    options = {
        "budget": 900,
        "trials": 5,
        "out": folder,
        "space": {"train.learning_rate": "1e-5..1e-2:log", "train.batch_size": [8, 16]},
    }
    if made:
        return weitiao.tune_on_cluster(plan_file, workers=at_once, address=made.address, **options)

    class Here(Trainings):
        pass

    Here.at_once = at_once
    return weitiao.tune(plan_file, elsewhere=Here, threads=1, **options)


def scores(search):
    trials = [(one.number, one.values, one.state, [(r.level, r.score) for r in one.reached])
              for one in search.trials]  # fmt: skip
    return trials, sorted((one.trial, one.seed, one.score) for one in search.fresh)


@pytest.fixture
def tuning_plan(tiny_bert, tmp_path):
    return write_plan(tmp_path, tiny_bert, 200, **{"train.epochs": 6, "train.batch_size": 16})


def test_a_search_is_that_of_one_machine_when_a_node_is_killed(cluster, tuning_plan, tmp_path):
    made, workers = cluster

    def kill():
        while not list((tmp_path / "there" / "trials").glob("trial-002/log.jsonl")):
            time.sleep(0.05)
        made.remove_node(workers[0], allow_graceful=False)

    thread = threading.Thread(target=kill)
    thread.start()
    there = tuned(tuning_plan, tmp_path / "there", made)
    thread.join()
    here = tuned(tuning_plan, tmp_path / "here")
    assert scores(there) == scores(here)
    assert there.winner == here.winner
    assert all(one.reached for one in there.trials)
