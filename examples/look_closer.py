"""How far the scores can be believed, where the model is weak, and why it answered as it did."""

import os
from itertools import product

import weitiao

WORDS = {"bad": ("awful", "poor", "dirty", "cold"), "good": ("lovely", "fine", "great", "superb")}
THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price", "bar", "pool")

rows = [
    {"text": f"the {thing} was {word}, {more}", "label": label, "source": ("web", "shop")[at % 2]}
    for label, words in WORDS.items()
    for at, (thing, word, more) in enumerate(product(THINGS, words, ("we said", "they said")))
]

fitted = weitiao.fit(
    rows,
    roles={"text": "text", "target": "label"},
    model=os.environ.get("WEITIAO_EXAMPLE_MODEL"),
    changes={"train.epochs": 3, "acceptance": {"recall": {"label": "bad", "at_least": 0.8}}},
)
for part in fitted.findings.slices[:3]:
    print(part.kind, part.name, part.value, part.score, part.corrected)
for one in fitted.report.more["acceptance"]:
    print(one["name"], one["label"], one["value"], "passed" if one["passed"] else "failed")

calibration = weitiao.calibrate(fitted.run.folder, {"at_recall": {"label": "bad", "recall": 0.9}})
print(calibration.decisions)

explanation = weitiao.explain(fitted.run.folder, "the room was lovely")
for word in sorted(explanation.words, key=lambda one: -one.without):
    print(f"{word.text:10} {word.without:+.3f} {word.gradient:+.2f}")
