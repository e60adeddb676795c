"""Several processes: the same result as one, and the same after a crash."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import make_checkpoint, toy_plan, toy_rows
from matrix.families import make

HERE = Path(__file__).parent.parent
SETTINGS = {
    "train.epochs": 1,
    "train.save_seconds": 0,
    "train.evaluations": 3,
    "train.strategies": {"ema": {}},
}


def launch(folder, world, *more, settings=SETTINGS):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(world),
               "--master_port", str(29_500 + os.getpid() % 500), str(HERE / "processes.py"),
               str(folder), json.dumps(settings), *more]  # fmt: skip
    env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.run(
        command, capture_output=True, text=True, env=env, timeout=240, check=False
    )


def command_line(folder, launcher, *words):
    """`weitiao train` in two processes of a launcher."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *launcher, "-m", "weitiao", *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=env, cwd=folder, timeout=240, check=False
    )


def port():
    return str(29_500 + (os.getpid() + next(PORTS)) % 500)


PORTS = itertools.count(7)
TORCHRUN = ["torch.distributed.run", "--nproc_per_node", "2"]
ACCELERATE = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
              "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]  # fmt: skip


def a_job(folder):
    """A plan of a user, with rows and a checkpoint beside it."""
    make_checkpoint(folder / "tiny")
    rows = "\n".join(json.dumps(row) for row in toy_rows("classification", 80))
    (folder / "rows.jsonl").write_text(rows, encoding="utf-8")
    changes = {"data.path": "rows.jsonl", "data.test_size": 0.1, "train.save_seconds": 0,
               "train.micro_batch_tokens": "auto"}  # fmt: skip
    toy_plan("classification", str(folder / "tiny"), **changes).save(folder / "plan.yaml")


def said_once(done):
    lines = done.stderr.splitlines()
    assert sum("run: runs" in line for line in lines) == 1, done.stderr[-3000:]
    assert sum("step 1" in line and "accuracy" in line for line in lines) == 1, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == 1, done.stdout


@pytest.mark.slow
def test_the_command_line_learns_in_two_processes(tmp_path):
    """One run folder, the first process speaks, and a mistake is said once."""
    a_job(tmp_path)
    launcher = [*TORCHRUN, "--master_port", port()]
    done = command_line(tmp_path, launcher, "train", "plan.yaml", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    said_once(done)
    told = json.loads(done.stdout)
    assert told["state"] == "finished"
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "last" / "state.json").read_text())["settings"]["world"] == 2
    assert (run / "last" / "random-1.safetensors").exists()
    done = command_line(tmp_path, launcher, "train", "plan.yaml", "train.epochs=no")
    assert done.returncode != 0
    assert done.stderr.count("train.epochs") == 1, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_accelerate_launches_two_processes_and_a_stopped_run_goes_on(tmp_path):
    a_job(tmp_path)
    launcher = [*ACCELERATE, "--main_process_port", port()]
    done = command_line(tmp_path, launcher, "train", "plan.yaml", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    said_once(done)
    (run,) = (tmp_path / "runs").iterdir()
    whole = (run / "log.jsonl").read_bytes()
    # As if it had been killed after its last checkpoint.
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))
    done = command_line(tmp_path, launcher, "train", "--resume", str(run))
    assert done.returncode == 0, done.stderr[-3000:]
    assert (run / "log.jsonl").read_bytes() == whole
    done = command_line(tmp_path, launcher, "fit", "rows.jsonl")
    assert "fit runs in one process" in done.stderr


def losses(folder):
    lines = (folder / "run" / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


TOUCHED = {**SETTINGS, "train.optimizer": {"adamw": {"lazy_embeddings": True}}}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "settings",
    [
        {**SETTINGS, "train.layout": "packed"},
        {**TOUCHED, "train.layout": "packed"},
        # Two micro-batches in each process: only the last one exchanges, with all of the update.
        {**TOUCHED, "train.layout": "padded", "train.micro_batch_tokens": 40},
        {**SETTINGS, "train.layout": "fused", "train.gradient_checkpointing": True},
        {**TOUCHED, "train.layout": "fused", "train.micro_batch_tokens": 40},
    ],
    ids=["whole table", "touched rows", "touched rows, accumulated", "fused", "fused, accumulated"],
)
def test_two_processes_learn_what_one_does(settings, tmp_path, request):
    """With touched rows, fused ones run in C++: both processes compile at once."""
    if settings["train.layout"] == "fused" and "train.optimizer" in settings:
        request.getfixturevalue("compiled")
    found = []
    for world in (1, 2):
        folder = tmp_path / str(world)
        make_checkpoint(folder / "tiny", dropout=0.0)
        done = launch(folder, world, settings=settings)
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(losses(folder))
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["layout"] == settings["train.layout"]
        if "train.optimizer" in settings:
            assert 0 < told["widest"] < told["words"]  # no more than the words of an update
        else:
            assert told["widest"] == 0
    assert len(found[0]) == len(found[1]) > 5
    for one, two in zip(*found, strict=True):
        if "loss" in one:
            assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
            assert two["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_xlnet_learns_in_two_processes(tmp_path):
    """It has a weight that nothing reads, and whose gradient nobody must wait for."""
    found = []
    for world in (1, 2):
        folder = tmp_path / str(world)
        checkpoint = make(folder / "tiny", "xlnet")
        settings = {**SETTINGS, "model.checkpoint": checkpoint, "model.dropout": 0.0}
        done = launch(folder, world, settings=settings)
        assert done.returncode == 0, done.stderr[-3000:]
        found.append([line["loss"] for line in losses(folder) if line.get("loss") is not None])
    assert len(found[0]) > 5
    assert found[1] == pytest.approx(found[0], rel=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_go_on_exactly_after_a_crash(tmp_path):
    for name in ("whole", "cut"):
        make_checkpoint(tmp_path / name / "tiny")
    assert launch(tmp_path / "whole", 2).returncode == 0
    assert launch(tmp_path / "cut", 2, "--cut").returncode != 0
    done = launch(tmp_path / "cut", 2, "--resume")
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    weights = [
        (tmp_path / n / "run" / "best" / "model.safetensors").read_bytes() for n in ("whole", "cut")
    ]
    assert weights[0] == weights[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_interrupt_that_reaches_one_process_stops_all(tmp_path):
    make_checkpoint(tmp_path / "tiny")
    settings = {**SETTINGS, "train.epochs": 30, "train.evaluations": 100, "train.save_seconds": 1e9}
    done = launch(tmp_path, 2, "--interrupt", settings=settings)
    assert done.returncode == 0, done.stderr[-3000:]
    # Asked for when update 5 was judged, agreed by both with the loss of update 6.
    assert losses(tmp_path)[-1] == {"step": 6, "event": "stop", "why": "interrupted"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_stop_together(tmp_path):
    """Early stopping is asked for by all; a budget by the first. Nobody hangs."""
    make_checkpoint(tmp_path / "tiny")
    settings = {**SETTINGS, "train.epochs": 300, "train.evaluations": 300, "train.patience": 2,
                "train.learning_rate": 1e-7, "train.save_seconds": 1e9}  # fmt: skip
    done = launch(tmp_path, 2, settings=settings)
    assert done.returncode == 0, done.stderr[-3000:]
    settings = {**settings, "train.patience": 0, "train.budget": 5}
    done = launch(tmp_path, 2, settings=settings)
    assert done.returncode == 0, done.stderr[-3000:]
