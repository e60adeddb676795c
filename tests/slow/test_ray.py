"""Cells on a cluster of three local nodes: the table of one machine, also when a node is killed."""

import os
import threading
import time

import pytest

import weitiao
from conftest import toy_plan, toy_rows
from weitiao.errors import WeitiaoError
from weitiao.experiments.executors import ray as ours

os.environ.setdefault("RAY_worker_niceness", "0")  # else tests wait for other programs
ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

QUICK = {
    "train.epochs": 2, "train.evaluations": 4, "train.save_seconds": 0, "evaluate.baselines": False,
    "evaluate.bootstrap_samples": 20, "evaluate.findings": False,
}  # fmt: skip


@pytest.fixture
def cluster():
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    workers = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes()
    yield made, workers
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def asked(tiny_bert, tmp_path):
    import csv

    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([r["text"], r["label"]] for r in toy_rows("classification", 80))
    plan = toy_plan("classification", tiny_bert, **QUICK)
    plan.with_({"data.path": str(tmp_path / "rows.csv")}).save(tmp_path / "plan.yaml")
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
