"""Choose a model by measuring: a table of candidates on your rows, and a plan with the best one."""

import csv
import os
from itertools import product
from pathlib import Path

import weitiao

GOOD, BAD = ("great", "lovely", "superb", "fine"), ("awful", "poor", "dirty", "sad")
THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price")

labelled = [
    (f"the {thing} was {word}", label)
    for label, words in (("good", GOOD), ("bad", BAD))
    for thing, word in product(THINGS, words)
]
with Path("reviews.csv").open("w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([("review", "label"), *labelled])

candidates = os.environ.get("WEITIAO_EXAMPLE_MODEL")  # None: all that need no network

chosen = weitiao.choose("reviews.csv", candidates=candidates, goal="accuracy")
print(chosen.model, chosen.picked.reason)
for one in chosen.table:
    print(one.candidate.shown, one.score, one.low, one.high, one.row_seconds)

chosen.plan.save("plan.yaml")
