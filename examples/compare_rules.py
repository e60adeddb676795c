"""Is the model better than rules you already have? A predictions file against a run."""

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


def write(path: str, head: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    """A csv file of two columns."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


write("reviews.csv", ("review", "label"), labelled)
guesses = [(text, "good" if "great" in text else "bad") for text, _ in labelled]
write("rules.csv", ("review", "prediction"), guesses)

model = os.environ.get("WEITIAO_EXAMPLE_MODEL")  # None: weitiao chooses
weitiao.fit("reviews.csv", model=model, budget=60)

found = weitiao.compare("runs/reviews-001", "rules.csv")
print(found.verdict, found.comparisons[0].gaps[0].difference)
found.write("compare.html")
