"""Clean texts: see what would change, write a file, and let the cleaners travel with a model."""

import os

import weitiao

rows = [
    {"text": "<p>Lovely&nbsp;room</p>, see http://a.cn/x", "label": "good"},
    {"text": "cafÃ© was sooooo cold, call 13812345678", "label": "bad"},
]

cleaned = weitiao.clean(rows, cleaners=["mojibake", "html", "links", "repeats", "personal_data"])
for row in cleaned.data:
    print(row["text"])
for tally in cleaned.cleaners:
    print(tally.name, tally.texts)

many = [{**row, "text": f"{row['text']} ({n})"} for n in range(20) for row in rows]
weitiao.clean(many, "cleaned.csv", force=True)

rows, model = many, os.environ.get("WEITIAO_EXAMPLE_MODEL")
trial = weitiao.try_cleaners(rows, cleaners=["html", "stop_words"], seeds=2, model=model)
for one in trial.tried:
    print(one.step, one.gain, one.low, one.high, one.kept)

fitted = weitiao.fit(
    rows,
    roles={"text": "text", "target": "label"},
    model=model,
    changes={"train.epochs": 1, "data.cleaners": {"html": {}, "links": {}}},
)
print(fitted("<b>Lovely</b> room").value)
