"""Train in a child process, kill it (SIGKILL) at random moments, go on, and compare with an
unbroken run. A script of its own: python killing.py FOLDER KILLS LAYOUT. Prints one line of JSON."""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

os.environ["WEITIAO_CACHE"] = str(Path(sys.argv[1]) / "cache")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from conftest import make_checkpoint, toy_data, toy_plan
from weitiao.model.fast.select import pinned
from weitiao.run import Run
from weitiao.training import loop
from weitiao.training.run import train

SETTINGS = {
    "train.epochs": 3,
    "train.evaluations": 9,
    "train.save_seconds": 0,
    "train.patience": 0,
    "train.strategies": {"ema": {"decay": 0.9}, "rdrop": {}, "layer_decay": {}},
}


def child(act):
    """Run `act` in a fork; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        act()
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)


def fingerprint(run):
    files = {
        "best": (run.best / "model.safetensors").read_bytes(),
        "last": (run.last / "weights.safetensors").read_bytes(),
        "strategies": (run.last / "strategies.safetensors").read_bytes(),
        "optimizer": (run.last / "optimizer.safetensors").read_bytes(),
        "log": run.log_path.read_bytes(),
    }
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}


def slowed_judge(*args, **settings):
    time.sleep(0.05)  # so that some of the kills fall into an evaluation
    return JUDGE(*args, **settings)


JUDGE = loop.evaluate_network


def main(folder, kills, layout, seed=5):
    torch.set_num_threads(1)
    loop.evaluate_network = slowed_judge
    checkpoint = make_checkpoint(folder / "tiny")
    plan = toy_plan("classification", str(checkpoint), **SETTINGS, **{"train.layout": layout})
    data = toy_data(plan, 150)

    def fresh(name):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
        plan.save(folder / name / "plan.yaml")
        return Run(folder / name)

    unbroken = fresh("unbroken")
    began = time.monotonic()
    _, code = os.waitpid(child(lambda: train(plan, data, unbroken)), 0)
    assert code == 0
    length = time.monotonic() - began
    wanted = fingerprint(unbroken)
    settings = json.loads((unbroken.last / "state.json").read_text())["settings"]

    rng = random.Random(seed)
    told = {name: settings[name] for name in ("layout", "kernels")}
    told |= {
        "kills": 0,
        "in_checkpoint": 0,
        "in_best": 0,
        "in_evaluation": 0,
        "equal": 0,
        "runs": 0,
    }
    while told["kills"] < kills:
        run = fresh("broken")
        done = False
        while not done:

            def go_on(run=run):
                opened = Run.open(run.folder)
                train(opened.plan(), data, opened, resume=True)

            pid = child(go_on)
            time.sleep(rng.uniform(0.05, 0.6) * length if told["kills"] < kills else 0)
            if told["kills"] < kills:
                finished, _ = os.waitpid(pid, os.WNOHANG)
                if finished:
                    done = True
                    break
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                told["kills"] += 1
                told["in_checkpoint"] += (run.folder / "last.new").exists()
                told["in_best"] += (run.folder / "best.new").exists()
                history = run.history() if whole(run) else [{}]
                told["in_evaluation"] += awaits_judgement(history, plan, data)
            else:
                _, code = os.waitpid(pid, 0)
                assert code == 0
                done = True
        found = fingerprint(run)
        told["runs"] += 1
        told["equal"] += found == wanted
        if found != wanted:
            told["differ"] = [name for name in wanted if found[name] != wanted[name]]
    print(json.dumps(told))


def whole(run):
    return run.log_path.exists() and run.log_path.read_bytes().endswith(b"\n")


def awaits_judgement(history, plan, data):
    """Whether the last thing in the log is an update whose weights had to be judged next."""
    if not history or "loss" not in history[-1]:
        return False
    total = -(-int(plan.train.epochs * len(data.train)) // plan.train.batch_size)
    return loop.due(history[-1]["step"], total, plan.train.evaluations)


if __name__ == "__main__":
    with pinned("c++"):  # whichever is faster while other programs run
        main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
