"""What a plan asks for that its task cannot use is told before anything runs, all of it at once."""

from __future__ import annotations

import pytest

from conftest import toy_plan
from weitiao.errors import PlanError
from weitiao.planfile.plan import Draft, Plan
from weitiao.planning.check import check


def test_a_task_of_tokens_takes_no_head_and_no_long_texts_of_the_plans():
    plan = Plan.parse({
        "task": "token_classification",
        "data": {"path": "rows.conll", "roles": {"text": "tokens", "target": "tags"}},
        "model": {"checkpoint": "minilm-l6", "head": "pooled", "long_texts": "windows"},
    })  # fmt: skip
    with pytest.raises(PlanError) as told:
        check(plan)
    assert len(told.value.problems) == 2
    assert "model.long_texts" in told.value.problems[0]
    assert "model.head: pooled" in told.value.problems[1]


def test_a_prefix_does_not_go_with_layers_that_are_computed_again():
    plan = Plan.parse({
        "task": "classification",
        "data": {"path": "rows.csv", "roles": {"text": "text", "target": "label"}},
        "model": {"checkpoint": "minilm-l6", "adapter": "prefix_tuning"},
        "train": {"gradient_checkpointing": True},
    })  # fmt: skip
    with pytest.raises(PlanError, match=r"gradient_checkpointing.*model\.adapter: prefix_tuning"):
        check(plan)
    check(plan.with_({"train.gradient_checkpointing": False}))
    check(plan.with_({"model.adapter": "prompt_tuning"}))


@pytest.mark.parametrize("weight", [-2.0, float("inf"), float("nan")])
def test_a_weight_of_a_label_is_a_number_from_zero_on(weight):
    with pytest.raises(PlanError, match=r"train\.class_weights\.good: .* is "):
        toy_plan("classification", "minilm-l6", **{"train.class_weights": {"good": weight}})


@pytest.mark.parametrize("wanted", ["balanced", {"good": 2.0}])
@pytest.mark.parametrize("task", ["regression", "similarity", "question_answering"])
def test_weights_of_labels_are_refused_where_the_loss_has_none(task, wanted):
    plan = toy_plan(task, "minilm-l6", **{"train.class_weights": wanted})
    with pytest.raises(PlanError, match="class_weights: the loss .* weighs no labels"):
        check(plan)


@pytest.mark.parametrize("task", ["classification", "multilabel", "token_classification"])
def test_weights_of_labels_are_taken_where_there_are_labels(task):
    check(toy_plan(task, "minilm-l6", **{"train.class_weights": "balanced"}))


def test_a_plan_for_a_card_is_refused_before_anything_is_loaded_where_there_is_none():
    plan = toy_plan("classification", "x/y", **{"model.adapter": "lora"})
    plan = plan.with_({"model.quantization": "nf4"})
    check(plan)
    with pytest.raises(PlanError, match="nf4 needs a CUDA card"):
        check(plan, here=True)


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ({"text": "text", "target": "label", "columns": ["label"]}, "'label' is .* as columns too"),
        ({"text": "text", "target": "label", "columns": "label"}, "'label' is .* as columns too"),
        ({"text": "label", "target": "label"}, "'label' is the target and is read as text too"),
        ({"text": "text", "target": ["a", "b"], "columns": ["c", "b"]}, "'b' is the target"),
        ({"text": "text", "target": "label", "columns": ["a", "b", "a"]}, "columns names 'a' more"),
    ],
)
def test_the_target_is_not_read_and_no_column_twice(roles, told):
    plan = toy_plan("classification", "minilm-l6")
    with pytest.raises(PlanError, match=told) as found:
        check(plan.with_({"data.roles": roles}))
    assert len(found.value.problems) == 1


def test_groups_may_be_of_the_target():
    check(toy_plan("classification", "minilm-l6").with_({"data.roles.group": "label"}))


def test_cleaners_that_encoders_rarely_want_are_warned_of(tmp_path):
    from weitiao.planning.check import warnings_of
    from weitiao.planning.full_check import problems_of

    def plan(task, cleaners):
        return toy_plan(task, "minilm-l6", **{"data.cleaners": cleaners})

    assert warnings_of(plan("classification", {"html": {}, "emoji": {}})) == []
    harmful = {"stop_words": {}, "segmentation": {}, "lower_case": {}, "emoji": {"to": "nothing"}}
    names = [text.partition(":")[0] for text in warnings_of(plan("classification", harmful))]
    assert names == [*harmful]
    assert "span" in warnings_of(plan("token_classification", {"stop_words": {}}))[0]
    gone = plan("classification", {"stop_words": {"file": str(tmp_path / "gone.txt")}})
    assert any("gone.txt" in one for one in problems_of(Draft(gone, []), files=True))


def test_a_cleaner_whose_package_is_missing_is_a_problem(monkeypatch):
    from weitiao.data.cleaners import emoji

    monkeypatch.setattr(emoji, "find_spec", lambda name: None)
    with pytest.raises(PlanError, match=r"weitiao\[cleaning\]"):
        check(toy_plan("classification", "minilm-l6", **{"data.cleaners": {"emoji": {}}}))
