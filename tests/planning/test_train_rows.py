"""The number of training rows that a plan speaks of is that of the run."""

from __future__ import annotations

import json

import pytest

from weitiao.data.prepare.load import load
from weitiao.planning.advise import Wish, advise

ROWS = [{"text": f"the film number {n} was {['bad', 'good'][n % 2]}", "label": n % 2}
        for n in range(400)]  # fmt: skip


def written(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (ROWS[:119], {}),
        (ROWS, {}),
        (ROWS + ROWS[:200], {}),
        ([{**row, "label": None} if n % 4 == 0 else row for n, row in enumerate(ROWS)], {}),
        (ROWS, {"max_rows": 150}),
        (ROWS, {"changes": {"data.validation_size": 0.4, "data.test_size": 0.2}}),
        (ROWS, {"test_path": ROWS[300:]}),
        (ROWS[:300], {"test_path": ROWS[300:350], "validation_path": ROWS[350:]}),
        ([{**row, "split": ["train", "train", "test"][n % 3]} for n, row in enumerate(ROWS)], {}),
        ([{**row, "split": ["train", "dev", "test"][n % 3]} for n, row in enumerate(ROWS)],
         {"max_rows": 90}),
    ],
    ids=["119", "400", "duplicates", "unlabelled", "max_rows", "shares", "test", "both", "split",
         "parts"],
)  # fmt: skip
def test_the_estimate_is_the_number_of_rows(rows, settings, tiny_bert, tmp_path):
    paths = {name: written(tmp_path / f"{name}.jsonl", value)
             for name, value in settings.items() if name.endswith("_path")}  # fmt: skip
    wish = Wish(path=written(tmp_path / "rows.jsonl", rows), model=tiny_bert,
                **{**settings, **paths})  # fmt: skip
    advice = advise(wish)
    said = advice.plan.why["train.batch_size"].evidence
    train = load(advice.plan.data, advice.plan.task_name).train
    assert abs(int(said.split()[1]) - len(train)) <= 2, (said, len(train))
