"""What a plan asks for that its task cannot use is told before anything runs, all of it at once."""

from __future__ import annotations

import pytest

from weitiao.advise.advise import check
from weitiao.errors import PlanError
from weitiao.plan import Plan


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
