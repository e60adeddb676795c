"""Recognize unknown inputs: questions that belong to none of the labels."""

import os

import weitiao

QUESTIONS = {
    "card": ("my card is lost", "the card does not work", "i need a new card", "card stolen"),
    "transfer": ("send money abroad", "my transfer failed", "transfer to a friend", "wire money"),
    "balance": ("what is my balance", "balance is wrong", "show the balance", "account balance"),
    "oos": ("what is the weather", "tell me a joke", "play some music", "who won the match"),
}

texts, labels = [], []
for label, questions in QUESTIONS.items():
    for question in questions:
        for ending in ("", " please", " today", " now", " again", " thanks"):
            texts.append(question + ending)
            labels.append(label)

fitted = weitiao.fit(
    texts,
    labels,
    model=os.environ.get("WEITIAO_EXAMPLE_MODEL"),
    unknown_label="oos",
    changes={"train.epochs": 3, "evaluate.keep_known": 0.8},
)
print(fitted.report.more["unknown"]["score"])

model = weitiao.load(fitted.run.folder)
answer = model("what is the weather now")
print(answer.value, answer.best_known, answer.known_score)
print(model.known_scores(["my card is lost", "tell me a joke"]))
