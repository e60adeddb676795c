"""One rank of a run over several processes: torchrun --nproc_per_node 2 processes.py FOLDER."""

import json
import os
import signal
import sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ["WEITIAO_CACHE"] = str(folder / "cache")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from accelerate import Accelerator

from conftest import toy_data, toy_plan
from weitiao.run import Run
from weitiao.training import loop
from weitiao.training.run import train

torch.set_num_threads(1)
settings = json.loads(sys.argv[2])
plan = toy_plan("classification", str(folder / "tiny"), **settings)
data = toy_data(plan, 80)
if os.environ.get("RANK", "0") == "0":
    (folder / "run").mkdir(exist_ok=True)
    plan.save(folder / "run" / "plan.yaml")
os.environ.setdefault("ACCELERATE_USE_CPU", "true")
Accelerator(cpu=True).wait_for_everyone()


def watch(progress, seconds):
    if "--cut" in sys.argv and progress.step == 5 and progress.report is None:
        os._exit(3)
    first = os.environ.get("RANK") == "0" and progress.report is None
    if "--interrupt" in sys.argv and progress.step == 5 and first:
        signal.raise_signal(signal.SIGINT)


widest = [0]  # rows that the gradient of the word vectors had, when it was exchanged sparse


def watched(params):
    params = list(params)
    for param in params:
        if param.grad is not None and param.grad.is_sparse:
            widest[0] = max(widest[0], len(set(param.grad._indices()[0].tolist())))
    return VALUES(params)


VALUES, loop.gradients_of = loop.gradients_of, watched
run = Run.open(folder / "run")
outcome = train(plan, data, run, resume="--resume" in sys.argv, watch=watch)
total = sum(float(p.double().sum()) for p in outcome.model.net.parameters())
words = outcome.model.net.embeddings().num_embeddings
found = {"step": outcome.step, "weights": total, "score": outcome.score, "words": words}
print(json.dumps({**found, "widest": widest[0], "layout": outcome.model.net.layout}))
