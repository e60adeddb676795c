"""Questions answered by a passage of a text, or by "there is no answer"."""

import os

import weitiao

CITIES = ("Paris", "Rome", "Oslo", "Lima", "Cairo", "Quito", "Delhi", "Seoul", "Kyoto", "Porto")
FRIENDS = ("Ann", "Ben", "Eve", "Leo", "Mia")

rows = []
for city in CITIES:
    for friend in FRIENDS:
        context = f"{friend} has a small flat in {city} and works at home."
        start = context.index(city)
        answers = {"text": [city], "answer_start": [start]}
        rows.append({"question": "Where is it?", "context": context, "answers": answers})
        rows.append({"question": "What did it cost?", "context": context, "answers": []})

fitted = weitiao.fit(
    rows,
    task="question_answering",
    model=os.environ.get("WEITIAO_EXAMPLE_MODEL"),
    changes={"train.epochs": 2, "evaluate.bootstrap_samples": 100},
)
print(dict(fitted.metrics))

answer = fitted({"question": "Where is it?", "context": "Max has a small flat in Bern."})
print(answer.value, answer.places, answer.score, answer.scores)
