"""Search better settings for a plan; they are kept only where fresh seeds confirm them."""

import os

import weitiao

THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price", "bar", "pool")
rows = [
    {"text": f"the {thing} was {word}", "label": label}
    for word, label in (("awful", "bad"), ("lovely", "good"), ("poor", "bad"), ("fine", "good"))
    for thing in THINGS
]
plan = weitiao.plan(rows, model=os.environ.get("WEITIAO_EXAMPLE_MODEL"))
plan = plan.with_({"train.epochs": 1, "train.refit": "never"})  # the example is to be short

space = {"train.learning_rate": "1e-5..1e-3:log", "train.batch_size": [8, 16]}
tuned = weitiao.tune(plan, budget="10m", space=space, trials=2, out="tuning/example")

print(tuned.winner, tuned.stopped, tuned.optimism)
for trial in tuned.ranked:
    print(trial.number, trial.score, trial.values)
tuned.plan.save("tuned.yaml")
