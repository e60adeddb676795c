"""Fit a csv file: one call looks at the rows, plans, trains and judges."""

import csv
import os
from itertools import product
from pathlib import Path

import weitiao

GOOD, BAD = ("great", "lovely", "superb", "fine"), ("awful", "poor", "dirty", "sad")
THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price")


def write_reviews(path: Path) -> None:
    """64 short reviews with a label each; your own file goes here."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["review", "label"])
        for label, words in (("good", GOOD), ("bad", BAD)):
            rows.writerows([f"the {thing} was {word}", label]
                           for thing, word in product(THINGS, words))  # fmt: skip


write_reviews(Path("reviews.csv"))
model = os.environ.get("WEITIAO_EXAMPLE_MODEL")  # None: weitiao chooses

fitted = weitiao.fit("reviews.csv", model=model, budget=60)
print(fitted.split, dict(fitted.metrics))
print(fitted.run.folder)

answer = fitted("a superb story")
print(answer.value, round(answer.score, 3), answer.scores)
