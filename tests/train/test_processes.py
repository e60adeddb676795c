"""Several processes: the same result as one, and the same after a crash."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import make_checkpoint

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


def losses(folder):
    lines = (folder / "run" / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_learn_what_one_does(tmp_path):
    found = []
    for world in (1, 2):
        folder = tmp_path / str(world)
        make_checkpoint(folder / "tiny", dropout=0.0)
        done = launch(folder, world)
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(losses(folder))
    assert len(found[0]) == len(found[1]) > 5
    for one, two in zip(*found, strict=True):
        if "loss" in one:
            assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
            assert two["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-3)


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
