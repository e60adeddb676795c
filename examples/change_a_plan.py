"""Let weitiao write a plan, read its reasons, change it, carry it out."""

import json
import os
from itertools import product
from pathlib import Path

import weitiao

QUESTIONS = {"refund": ("money back", "a refund"), "delivery": ("my parcel", "the delivery")}
STARTS = ("please tell me about", "when do I get", "where is", "I still wait for",
          "can you help with", "a question about", "what about", "I want")  # fmt: skip

with Path("intents.jsonl").open("w", encoding="utf-8") as file:
    for start, (intent, things) in product(STARTS, QUESTIONS.items()):
        for thing in things:
            row = {"question": f"{start} {thing}", "intent": intent}
            file.write(json.dumps(row) + "\n")

model = os.environ.get("WEITIAO_EXAMPLE_MODEL")

plan = weitiao.plan("intents.jsonl", model=model)
for path, why in plan.why.items():
    print(f"{path} = {why.value}: {why.reason}")

changes = {"train.epochs": 3, "train.strategies": {"ema": {"decay": 0.9}, "rdrop": {}}}
plan = plan.with_(changes)
plan.save("plan.yaml")

fitted = weitiao.train("plan.yaml", changes={"train.seed": 1})
print(fitted.split, dict(fitted.metrics))
print(weitiao.evaluate(fitted.run.folder, final=True).report.metrics)
