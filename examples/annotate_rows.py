"""Label rows in Python, as the page of `weitiao annotate` does, and export them."""

import weitiao

rows = [{"text": f"the room number {i} was {'lovely' if i % 3 else 'dirty'}"} for i in range(30)]

with weitiao.annotate(rows, labels="good,bad", journal="annotations/rooms.jsonl") as annotation:
    while row := annotation.next("ann"):
        text = row["texts"][0]["text"]
        annotation.answer("ann", row, "good" if "lovely" in text else "bad")
    print(annotation.figures().labels)
    done = annotation.export("labelled.csv")
    print(done.train, done.validation, done.test)
