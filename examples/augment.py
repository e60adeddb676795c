"""Changed copies of training rows: read them, then keep only the steps that help."""

import os

import weitiao

THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price", "bar", "pool")
rows = [
    {"text": f"the {thing} was {word}, and on day {day} we said so", "label": label}
    for word, label in (("awful", "bad"), ("lovely", "good"), ("poor", "bad"), ("fine", "good"))
    for day, thing in enumerate(THINGS)
]

made = weitiao.augment(rows, steps={"aeda": {}, "random_edits": {"times": 2, "share": 0.2}})
print(made.made)
for step, samples in made.samples.items():
    print(step, samples[0].before, "->", samples[0].after)

model = os.environ.get("WEITIAO_EXAMPLE_MODEL")
trial = weitiao.try_steps(rows, steps=["aeda"], seeds=2, model=model)
for one in trial.tried:
    print(one.step, one.gain, one.low, one.high, one.seconds, one.kept)
trial.plan.save("plan.yaml")
