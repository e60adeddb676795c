"""Run the loop by hand: it is a generator, so logging, saving and stopping are plain code."""

import json
import os
from contextlib import closing
from itertools import product
from pathlib import Path

from accelerate import Accelerator

import weitiao
from weitiao.data.prepare.load import load
from weitiao.model.model import Model
from weitiao.training.batches import Feed
from weitiao.training.loop import fit

TOPICS = {"sport": ("match", "team", "goal", "race"), "money": ("bank", "market", "tax", "share")}
STARTS = ("news of the", "all about the", "a new", "who saw the", "the old", "our", "one more")

with Path("topics.jsonl").open("w", encoding="utf-8") as file:
    for start, (topic, words) in product(STARTS, TOPICS.items()):
        for word in words:
            file.write(json.dumps({"text": f"{start} {word}", "label": topic}) + "\n")

model = os.environ.get("WEITIAO_EXAMPLE_MODEL")
plan = weitiao.plan("topics.jsonl", model=model, changes={"train.epochs": 4})
data = load(plan.data, plan.task_name)
model = Model.start(plan, data.train, data.validation)
parts = (data.train, data.validation)
feeds = [Feed(model.encode(rows), model.task.indices(rows.targets(), rows.ids())) for rows in parts]

with closing(fit(model, *feeds, Accelerator())) as steps:
    for p in steps:
        if p.report is None:
            print(f"{p.step}/{p.total} loss {p.loss:.3f} rate {p.learning_rate:.1e}")
        elif p.best:
            model.save(Path("my-best"))
        elif p.stale >= 2:
            p.stop()
