"""Rows to Label Studio and doccano, and back: the same texts and spans."""

import json

import weitiao

rows = [
    {"text": "😀 Anna met Bo in Paris", "names": [{"start": 2, "end": 6, "label": "person"}]},
    {"text": "Bo flew to 𠮷野家", "names": [{"start": 11, "end": 14, "label": "place"}]},
]

weitiao.convert(rows, "tasks.json", to="label-studio")  # tasks.config.xml stands next to it
weitiao.convert("tasks.json", "back.jsonl")

weitiao.convert(rows, "doccano.jsonl", to="doccano")
weitiao.convert("doccano.jsonl", "back.csv", source="doccano")

with open("back.jsonl", encoding="utf-8") as lines:
    for line in lines:
        row = json.loads(line)
        (span,) = json.loads(row["names"])
        print(row["text"][span["start"] : span["end"]], span["label"])
