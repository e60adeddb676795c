"""The step label_names, and when a plan has it."""

import random

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.rows import Rows, everything
from weitiao.data.steps.label_names import LabelNames, name_of
from weitiao.errors import DataError
from weitiao.example import Example

ROLES = {"text": "text", "target": "label"}


def rows_of(rows, task="classification", roles=ROLES):
    table = from_rows(rows, "a.csv").table
    return Rows(table, everything(table), roles, "a.csv", task)


def test_each_label_has_one_row_of_its_name():
    rows = rows_of([
        {"text": "where is my money", "label": "Refund_not_showing_up"},
        {"text": "it never came", "label": "Refund_not_showing_up"},
        {"text": "how old must I be", "label": "age_limit"},
    ])  # fmt: skip
    made = run_steps(rows, {"label_names": {}}, 1)
    added = [example for example in made.examples() if example.meta.get("made_by")]
    assert [(one.inputs["text"], one.target) for one in added] == [
        ("Refund not showing up", "Refund_not_showing_up"),
        ("age limit", "age_limit"),
    ]
    # In cross-validation a made row stands with the row that it is from.
    assert [one.id for one in added] == ["a.csv:0#label_names1", "a.csv:2#label_names1"]
    assert len(made) == 5


def test_what_a_label_means_can_be_said():
    rows = rows_of([{"text": "a", "label": 0}, {"text": "b", "label": 1}])
    steps = {"label_names": {"names": {"0": "bad", "1": " good "}}}
    made = run_steps(rows, steps, 1)
    assert [one.inputs["text"] for one in made.examples()[2:]] == ["bad", "good"]


def test_of_several_labels_each_stands_alone():
    rows = rows_of(
        [{"text": "a", "label": "red|blue"}, {"text": "b", "label": "red"}], "multilabel"
    )
    made = run_steps(rows, {"label_names": {}}, 1).examples()[2:]
    assert [(one.inputs["text"], one.target) for one in made] == [
        ("red", ["red"]), ("blue", ["blue"])
    ]  # fmt: skip


def test_a_name_that_is_a_text_already_or_no_word_adds_no_row():
    step = LabelNames()
    rows = [Example({"text": "sports"}, "sports", "f:0"), Example({"text": "x"}, "2", "f:1")]
    assert list(step(rows, random.Random(1))) == rows
    assert step.notes() == ["label_names: labels without a name in words have no row of it: 2"]


@pytest.mark.parametrize(
    ("rows", "task", "roles", "step", "message"),
    [
        ([{"text": "t", "label": 1.0}], "regression", ROLES, {}, "no labels with names"),
        ([{"text": "t", "label": "1"}], "classification", ROLES, {}, "label_names.names.1="),
        (
            [{"text": "t", "label": "a"}], "classification", ROLES, {"names": {"b": "bee"}},
            "no row has the label 'b'. Labels: a",
        ),
        (
            [{"text": "t", "other": "u", "label": "a"}], "nli",
            {"premise": "text", "hypothesis": "other", "target": "label"}, {}, "several texts",
        ),
    ],
)  # fmt: skip
def test_rows_without_names_are_refused(rows, task, roles, step, message):
    with pytest.raises(DataError, match=message):
        run_steps(rows_of(rows, task, roles), {"label_names": step}, 1)


def test_names_are_words():
    assert name_of("card_about_to_expire") == "card about to expire"
    assert name_of("科技") == "科技"
    assert name_of("__label__") == "label"
    assert name_of("3.5") == ""
