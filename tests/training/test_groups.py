"""Who learns how fast: the head is what lies above the network, and nothing else."""

import pytest

from conftest import toy_data, toy_plan
from matrix.families import make
from weitiao.errors import PlanError
from weitiao.model.model import Model
from weitiao.training.loop import learning

OWN = {"train.strategies": {"head_rate": {"learning_rate": 0.01}}, "train.learning_rate": 5e-5}


def groups(name, checkpoint, changes):
    plan = toy_plan(name, checkpoint).with_({**OWN, **changes})
    model = Model.start(plan, toy_data(plan, 24).train)
    return learning(model, model.loss())[1]


@pytest.mark.parametrize("head", ["native", "crf"])
@pytest.mark.parametrize("family", ["bert", "llama", "modernbert", "gpt2"])
def test_the_rate_of_the_head_is_not_that_of_the_norm_behind_the_layers(family, head, tmp_path):
    found = groups("token_classification", make(tmp_path / family, family), {"model.head": head})
    fast = {name for one in found if one.learning_rate == 0.01 for name in one.names}
    last = {name for one in found if one.depth == 2 for name in one.names}
    above = ("native.head.", "native.classifier.", "native.score.")
    assert fast
    assert all(name.startswith(above) for name in fast)
    norms = ("native.model.norm.", "native.model.final_norm.", "native.transformer.ln_f.",
             "native.base.norm.", "native.base.final_norm.", "native.base.ln_f.")  # fmt: skip
    assert any(name.startswith(norms) for name in last) == (family != "bert")


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_head_without_weights_has_no_rate_of_its_own(family, tmp_path):
    with pytest.raises(PlanError, match="head_rate: this head has no weights"):
        groups("retrieval", make(tmp_path / family, family), {})
