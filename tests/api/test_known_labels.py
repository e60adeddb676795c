"""Labels of a file that are spelt otherwise than those of the model are refused by name."""

from __future__ import annotations

import re

import pytest

from conftest import toy_rows
from weitiao.api.evaluation_rows import unknown_labels
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan

WORDS = ["Anna", "Boris", "Carla", "Elena", "Farid"]


def checked(task, make, learned, others, checkpoint):
    """Check rows with `others` as labels against a model that learned the labels `learned`."""
    plan = Plan.parse({
        "task": task, "data": {"path": "toy", "roles": {"text": "text", "target": "label"}},
        "model": {"checkpoint": checkpoint, "max_length": 32},
    })  # fmt: skip
    texts = [row["text"] for row in toy_rows("classification", 60)]

    def rows(labels):
        return from_rows([make(text, n, labels[n % 2]) for n, text in enumerate(texts)])

    data = load(plan.data, task, rows(learned))
    model = Model.start(plan, data.train, data.validation)
    source = rows(others)
    new = Rows(source.table, everything(source.table), plan.data.roles, "new.csv", task)
    return list(unknown_labels(model, new))


def one(text, n, label):
    return {"text": f"{text} {n}", "label": label}


def several(text, n, label):
    return {"text": f"{text} {n}", "label": f'["{label}"]' if n % 3 else f'["{label}", "x{label}"]'}


def names(text, n, label):
    name = WORDS[n % 5]
    return {"text": f"{name} {text}", "label": [{"start": 0, "end": len(name), "label": label}]}


@pytest.mark.parametrize(
    ("task", "make", "learned", "others", "likeness"),
    [
        ("classification", one, ("TRUE", "FALSE"), ("true", "false"), "meant as 'TRUE'"),
        ("classification", one, ("Positive", "Negative"), ("pos", "neg"), "meant as 'Positive'"),
        ("classification", one, ("0", "1"), ("bad", "good"), ""),
        ("classification", one, ("好评", "差评"), ("好", "差"), "meant as '好评'"),
        ("token_classification", names, ("PER", "LOC"), ("person", "location"), "'PER'"),
        ("token_classification", names, ("人名", "地名"), ("PER", "LOC"), ""),
        ("multilabel", several, ("Sport", "Money"), ("sport", "money"), "meant as 'Sport'"),
    ],
)
def test_labels_that_a_model_does_not_know_are_refused(
    task, make, learned, others, likeness, tiny_bert
):
    with pytest.raises(DataError, match="the model knows none of its labels") as told:
        checked(task, make, learned, others, tiny_bert)
    assert likeness in str(told.value)


@pytest.mark.parametrize(("task", "make"), [("classification", one), ("multilabel", several)])
def test_one_label_that_is_known_is_enough(task, make, tiny_bert):
    (line,) = checked(task, make, ("a", "b"), ("a", "new"), tiny_bert)
    assert re.match(r"\d+ rows with a label that the model does not know \('new'", line)
    assert checked(task, make, ("a", "b"), ("b", "a"), tiny_bert) == []
