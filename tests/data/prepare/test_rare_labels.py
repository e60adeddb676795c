"""Labels of which no row is in validation or test are named, and marked beside their metrics."""

from __future__ import annotations

import json

import numpy as np
import pytest

from weitiao.data.prepare.load import load
from weitiao.evaluation.evaluate import absent_labels
from weitiao.evaluation.metrics.classification import MacroF1
from weitiao.planfile.sections import DataPlan
from weitiao.reporting.scores import absent_sentence
from weitiao.tasks.answers.labels import Labels

ROLES = {"text": "text", "target": "label"}


def rows_of(labels, word="film"):
    return [{"text": f"{word} number {n} was seen", "label": one} for n, one in enumerate(labels)]


def written(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


MANY = ["ok", "bad"] * 60


@pytest.mark.parametrize(
    ("train", "validation", "test", "task", "said"),
    [
        (MANY + ["rare"] * 2, None, None, "classification", ["validation", "test"]),
        (MANY + ["rare"] * 9, MANY[:30], None, "classification", ["validation"]),
        (MANY + ["rare"] * 9, None, MANY[:30], "classification", ["test"]),
        (MANY + ["rare"] * 9, MANY[:30], MANY[:30], "classification", ["validation", "test"]),
        ([["ok"], ["bad", "ok"]] * 60 + [["rare", "ok"]] * 9, None, [["ok"], ["bad"]] * 20,
         "multilabel", ["test"]),
        (MANY + ["rare"] * 30, None, None, "classification", []),
    ],
    ids=["split", "validation", "test", "both", "several", "enough"],
)  # fmt: skip
def test_a_label_without_a_row_to_measure_is_named(tmp_path, train, validation, test, task, said):
    paths = {
        f"{name}_path": written(tmp_path / f"{name}.jsonl", rows_of(labels, name))
        for name, labels in (("validation", validation), ("test", test))
        if labels
    }
    plan = DataPlan(path=written(tmp_path / "rows.jsonl", rows_of(train)), roles=ROLES, **paths)
    history = "\n".join(load(plan, task).history)
    for part in ("validation", "test"):
        assert (f"the {part} has no row of 1 label ('rare')" in history) == (part in said)


@pytest.mark.parametrize(
    ("gold", "predicted", "score", "absent"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 1], 1.0, ["rare"]),  # over what is there
        ([0, 0, 1, 1], [0, 0, 1, 2], (1 + 2 / 3 + 0) / 3, ["rare"]),  # a false one counts
        ([0, 0, 0, 0], [0, 0, 0, 0], 1.0, ["bad", "rare"]),
        ([0, 1, 2, 2], [0, 1, 2, 2], 1.0, []),
    ],
)
def test_macro_f1_is_over_what_is_there_and_marked(gold, predicted, score, absent):
    values = np.array(predicted)
    answers = Labels(np.array(gold), values, np.eye(3)[values], ["ok", "bad", "rare"])
    assert MacroF1().value(answers) == pytest.approx(score)
    assert absent_labels(answers) == absent
    if absent:
        assert absent[0] in absent_sentence(absent)
