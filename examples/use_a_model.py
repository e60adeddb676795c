"""Use a saved model: ask it, score many texts, answer a file, read it with transformers alone."""

import os
from itertools import product
from pathlib import Path

from transformers import pipeline

import weitiao

ADJECTIVES = {"好": ("很好", "不错", "干净", "美"), "差": ("很差", "很脏", "坏了", "太吵")}
THINGS = ("房间", "酒店", "早餐", "服务", "电影", "手机", "位置", "价格")

texts, labels = [], []
for label, adjectives in ADJECTIVES.items():
    for thing, adjective in product(THINGS, adjectives):
        texts.append(f"我们的{thing}{adjective}")
        labels.append(label)

fitted = weitiao.fit(
    texts, labels, model=os.environ.get("WEITIAO_EXAMPLE_MODEL"), changes={"train.epochs": 3}
)
folder = fitted.run.folder

model = weitiao.load(folder)
print(model("服务很好").value)
print(model.predict(["服务很好", "房间很脏"]))
print(model.classes_, model.predict_proba(["服务很好", "房间很脏"]))

rows = "text\n服务很好\n房间很脏\n"
Path("rows.csv").write_text(rows, encoding="utf-8")
weitiao.predict(folder, "rows.csv", "answers.csv", force=True)
print(Path("answers.csv").read_text(encoding="utf-8-sig"))

ask = pipeline("text-classification", model=str(fitted.run.best))
print(ask("服务很好", truncation=True))
