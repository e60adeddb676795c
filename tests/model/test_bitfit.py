"""BitFit learns biases of the network: where the head alone has some, it is refused."""

import pytest

from conftest import toy_data, toy_plan
from matrix.families import make
from weitiao.errors import PlanError
from weitiao.model.model import Model


@pytest.mark.parametrize(
    ("family", "task", "head"),
    [
        ("llama", "classification", "pooled"),
        ("qwen3", "token_classification", "native"),
        ("llama", "question_answering", "native"),
    ],
)
def test_biases_of_the_head_are_not_all_that_bitfit_learns(family, task, head, tmp_path):
    changes = {"model.head": head, "model.adapter": "bitfit"}
    plan = toy_plan(task, make(tmp_path / family, family), **changes)
    train = toy_data(plan, 40).train
    with pytest.raises(PlanError, match=f"bitfit: {family} has no biases; take lora"):
        Model.start(plan, train)
