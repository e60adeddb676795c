"""How alike two texts are: read together, or each alone and compared by the cosine."""

import os

import weitiao

SAME = [("the film was good", "a good film"), ("the staff was kind", "kind staff"),
        ("酒店很好", "这家酒店不错"), ("we were cold", "it was cold for us")]  # fmt: skip
rows = [
    {"text": first, "text_pair": second if number % 2 else other, "score": 5 if number % 2 else 1}
    for number in range(60)
    for first, second in [SAME[number % 4]]
    for other in [SAME[(number + 2) % 4][1] + f" {number}"]
]

fitted = weitiao.fit(
    rows,
    task="similarity",
    roles={"text": "text", "text_pair": "text_pair", "target": "score"},
    model=os.environ.get("WEITIAO_EXAMPLE_MODEL"),
    changes={"task": {"similarity": {"way": "cosine"}}, "train.epochs": 2},
)
print(dict(fitted.metrics))

answer = fitted({"text": "a good film", "text_pair": "the film was good"})
print(answer.value)
