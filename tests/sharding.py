"""One rank of several trainings in shards, beside one in whole weights: torchrun ... sharding.py FOLDER.

Writes ranks-N.json: what each training held and gave. All in one launch, since starting takes long.
"""

import json
import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ["WEITIAO_CACHE"] = str(folder / "cache")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WEITIAO_SHARD_ON_CPU"] = "1"

import torch

from conftest import toy_data, toy_plan
from weitiao.model.sharded import local
from weitiao.run import Run
from weitiao.training import distributed
from weitiao.training.run import train

torch.set_num_threads(1)
rank = int(os.environ["RANK"])
found = {}


class Killed(BaseException):
    """As a signal would."""


def bytes_of(tensors):
    tensors = list(tensors)
    return [sum(f(t).numel() * t.element_size() for t in tensors) for f in (local, lambda t: t)]


def learn(name, settings, at=None, resume=False):
    """A run in a folder of its own; `at` kills it after that update."""
    task, rest = settings.get("task", "classification"), {**settings}
    rest.pop("task", None)
    plan = toy_plan(task, str(folder / "tiny"), **rest)
    place = folder / name
    if rank == 0:
        place.mkdir(exist_ok=True)
        plan.save(place / "plan.yaml")
    distributed.here().wait_for_everyone()

    def watch(progress, seconds):
        if progress.report is None and progress.step == 1:
            learner = progress._control.learner
            moments = [s["exp_avg"] for s in learner.optimizer.state.values() if "exp_avg" in s]
            found[name] = {"weights": bytes_of(learner.net.parameters()),
                           "moments": bytes_of(moments), "tokens": progress.tokens}  # fmt: skip
        if progress.report is None and progress.step == at:
            raise Killed

    outcome = train(plan, toy_data(plan, 70), Run.open(place), resume=resume, watch=watch)
    found.setdefault(name, {})["score"] = outcome.score


for name, settings in json.loads(sys.argv[2]).items():
    learn(name, settings)
    if name == "sharded":
        try:
            learn("killed", settings, at=5)
        except Killed:
            distributed.here().wait_for_everyone()
        learn("killed", settings, resume=True)
(folder / f"ranks-{rank}.json").write_text(json.dumps(found), encoding="utf-8")
