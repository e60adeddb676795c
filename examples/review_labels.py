"""Wrong labels: list the doubted rows, decide in the table, and train on the corrected rows."""

import csv
import os
from itertools import product

import weitiao

WORDS = {"bad": ("awful", "poor", "dirty", "cold"), "good": ("lovely", "fine", "great", "superb")}
THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price", "bar", "pool")

rows = [
    {"text": f"the {thing} was {word}, {more}", "label": label}
    for label, words in WORDS.items()
    for thing, word, more in product(THINGS, words, ("we said", "they said"))
]
for at in (7, 70, 140):  # three mistakes
    rows[at]["label"] = "good" if rows[at]["label"] == "bad" else "bad"
model = os.environ.get("WEITIAO_EXAMPLE_MODEL")

review = weitiao.review(rows, output="review.csv", model=model)
print(review.wrong, review.accuracy)
for doubt in review.doubts[:3]:
    print(doubt.row, doubt.texts[0], doubt.given, doubt.suggested, doubt.reason)

with open("review.csv", encoding="utf-8-sig", newline="") as file:
    table = list(csv.DictReader(file))
for line in table[:3]:
    line["decision"] = "change"  # or keep, remove, or a label
with open("decided.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.DictWriter(file, table[0])
    writer.writeheader()
    writer.writerows(table)

fitted = weitiao.fit(rows, model=model, corrections="decided.csv", changes={"train.epochs": 2})
print(*fitted.history, sep="\n")
