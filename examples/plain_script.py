"""Write a plan as a plain script of PyTorch and transformers."""

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

plan = weitiao.plan("intents.jsonl", model=os.environ.get("WEITIAO_EXAMPLE_MODEL"))

script = weitiao.code(plan, "train.py")
print(script.lines, script.files, script.left_out)
