"""Two texts a row: natural language inference, from a list of dicts."""

import os
from itertools import product

import weitiao

THINGS = ("dog", "cat", "child", "woman", "man", "band", "team", "girl")
ACTS = ("sleeps", "runs", "sings", "eats")

rows = []
for thing, act in product(THINGS, ACTS):
    premise = f"a {thing} {act} in the park"
    other = ACTS[(ACTS.index(act) + 1) % len(ACTS)]
    rows += [
        {"premise": premise, "hypothesis": f"the {thing} {act}", "label": "entailment"},
        {"premise": premise, "hypothesis": f"the {thing} {other}", "label": "contradiction"},
        {"premise": premise, "hypothesis": f"the {thing} is tired", "label": "neutral"},
    ]

fitted = weitiao.fit(
    rows,
    task="nli",
    roles={"premise": "premise", "hypothesis": "hypothesis", "target": "label"},
    model=os.environ.get("WEITIAO_EXAMPLE_MODEL"),
    changes={"train.epochs": 3},
)
print(fitted.plan.task_name, dict(fitted.metrics))

answer = fitted({"premise": "a dog runs in the park", "hypothesis": "the dog runs"})
print(answer.value, answer.scores)
