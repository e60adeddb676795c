"""Spans in texts: who comes from where, learned from places, answered with places."""

import os
from itertools import product

import weitiao

PEOPLE = ("Ada", "Grace", "Alan", "Kurt", "Emmy", "Carl")
PLACES = ("London", "Paris", "Bonn", "Oslo", "Rome", "Delft")


def row(person, place):
    text = f"{person} comes from {place}."
    return {
        "text": text,
        "spans": [
            {"start": 0, "end": len(person), "label": "person"},
            {"start": text.index(place), "end": len(text) - 1, "label": "place"},
        ],
    }


fitted = weitiao.fit(
    [row(*pair) for pair in product(PEOPLE, PLACES)],
    model=os.environ.get("WEITIAO_EXAMPLE_MODEL"),
    changes={"train.epochs": 3},
)
print(fitted.plan.task_name, dict(fitted.metrics))

for span in fitted("Emmy comes from Delft.").value:
    print(span["text"], span["start"], span["end"], span["label"], span["score"])
