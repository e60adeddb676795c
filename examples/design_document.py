"""Plan a fine-tuning, and write its design document with formulas worked on one of the rows."""

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
plan.save("plan.yaml")
written = weitiao.document("plan.yaml", "plan.html", full=True, label_seconds=12)
print([path.name for path in written])
