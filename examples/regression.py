"""A number a row: how many stars, learned and answered in the unit of the target."""

import os
from itertools import product

import weitiao

WORDS = {"awful": 1.0, "poor": 2.1, "fair": 3.2, "good": 4.1, "superb": 4.9}
THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price", "bar", "pool")

rows = [
    {"text": f"the {thing} was {word}", "stars": stars}
    for thing, (word, stars) in product(THINGS, WORDS.items())
]

fitted = weitiao.fit(
    rows,
    task="regression",
    roles={"text": "text", "target": "stars"},
    model=os.environ.get("WEITIAO_EXAMPLE_MODEL"),
    changes={"train.epochs": 3},
)
print(dict(fitted.metrics))
for name, figures in fitted.report.baselines.items():
    print(f"{name:10} {figures['mae']:.3f}")

print(round(fitted("the garden was good").value, 1))
