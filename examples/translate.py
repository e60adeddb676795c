"""Train a translator on pairs, from nothing; judge it; translate."""

import json
from itertools import product
from pathlib import Path

import weitiao

WHO = {"the cat": "die Katze", "the dog": "der Hund", "the child": "das Kind", "a man": "ein Mann"}
DOES = {"sees": "sieht", "hears": "hört", "finds": "findet", "knows": "kennt"}
WHAT = {"a house": "ein Haus", "the tree": "den Baum", "a book": "ein Buch", "us": "uns"}

with Path("pairs.jsonl").open("w", encoding="utf-8") as file:
    for sentence in product(WHO.items(), DOES.items(), WHAT.items()):
        english, german = (" ".join(words) for words in zip(*sentence, strict=True))
        file.write(json.dumps({"en": english, "de": german}) + "\n")

# As small as this for a first look alone: `weitiao fit pairs.jsonl` chooses for you.
network = "new:marian(d_model=64, layers=1, heads=2, vocabulary=300)"
plan = weitiao.plan("pairs.jsonl", model=network)
plan = plan.with_({"train.epochs": 40, "train.learning_rate": 3e-3})
plan.save("plan.yaml")

fitted = weitiao.train("plan.yaml")
print(fitted.split, dict(fitted.metrics))

model = weitiao.load(fitted.run.folder)
print(model.predict(["the cat sees a book", "a man hears the tree"]))
