"""Frozen layers cost nothing: no backward pass, no moments, nothing kept for them."""

from collections import Counter
from contextlib import closing

import pytest
from accelerate import Accelerator

from conftest import toy_data, toy_plan
from weitiao.errors import PlanError
from weitiao.model.model import Model
from weitiao.training import memory
from weitiao.training.batches import Feed
from weitiao.training.groups import depth_of
from weitiao.training.loop import fit, learning

# In one layer: queries, keys, values, what comes out, and the two of the inner part; own kernels go
# through a layer in one step.
STEPS = {
    "padded": ("AddmmBackward0", 6),
    "packed": ("AddmmBackward0", 6),
    "fused": ("LayerBackward", 1),
}


def graph_of(loss):
    """The steps of the backward pass, by name."""
    seen, open_ = set(), [loss.grad_fn]
    while open_:
        node = open_.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        open_ += [after for after, _ in node.next_functions]
    return Counter(type(node).__name__ for node in seen), seen


def started(checkpoint, layers, layout, **more):
    frozen = {} if layers is None else {"freeze": {"layers": layers}}
    changes = {"train.strategies": frozen, "train.layout": layout, "train.epochs": 1, **more}
    plan = toy_plan("classification", checkpoint, **changes)
    data = toy_data(plan, 80)
    model = Model.start(plan, data.train)
    feeds = [
        Feed(model.encode(rows), model.task.indices(rows.targets(), rows.ids()))
        for rows in (data.train, data.validation)
    ]
    return model, feeds


@pytest.mark.parametrize("touched", [False, True], ids=["whole table", "touched rows"])
def test_no_backward_pass_goes_through_frozen_layers(tier, touched, tiny_bert):
    found, kept = [], []
    kind, steps = STEPS[tier.layout]
    for layers in (None, 0, 1, 2):
        optimizer = {"train.optimizer": {"adamw": {"lazy_embeddings": touched}}}
        model, (feed, _) = started(tiny_bert, layers, tier.layout, **optimizer)
        assert model.net.kernels.startswith(tier.own)
        _, _, loss_of = learning(model, model.loss())
        model.net.train()
        names, nodes = graph_of(
            loss_of(model.net, model.batch(feed.encoded, [0, 1, 2], feed.labels)).loss
        )
        learned = {node.variable for node in nodes if hasattr(node, "variable")}
        wanted = {
            param for name, param in model.net.named_parameters()
            if layers is None or depth_of(name, 3) > layers
        }  # fmt: skip
        assert learned == wanted
        found.append(names[kind])
        kept.append(memory.bytes_a_token(model, feed, loss_of))
    whole, words, one, two = found
    assert whole == words  # the products of the first layer have weights to learn
    assert words - one == one - two == steps
    assert kept[0] >= kept[1] > kept[2] > kept[3]
    assert kept[3] < 0.1 * kept[0]


@pytest.mark.parametrize("again", [False, True], ids=["kept", "computed again"])
def test_the_optimizer_knows_nothing_of_frozen_weights(again, tier, tiny_bert, tmp_path):
    """Seen in a checkpoint: no moment, no step count; and the weights are what they were."""
    from safetensors.torch import load_file

    model, feeds = started(tiny_bert, 1, tier.layout, **{"train.gradient_checkpointing": again})
    before = {name: param.detach().clone() for name, param in model.net.named_parameters()}
    with closing(fit(model, *feeds, Accelerator(cpu=True))) as steps:
        for progress in steps:
            if progress.step == 3 and progress.report is None:
                progress.save(tmp_path, 0, 0.0)
                break
    known = {name.partition("|")[0] for name in load_file(tmp_path / "optimizer.safetensors")}
    for name, param in model.net.named_parameters():
        frozen = depth_of(name, 3) <= 1
        assert (name in known) != frozen
        assert (param.grad is None) or not frozen
        assert (param == before[name]).all() == frozen or name.endswith("key.bias")


def test_a_plan_that_leaves_nothing_to_learn_is_refused(tiny_bert):
    """The head of retrieval has no weights."""
    plan = toy_plan("retrieval", tiny_bert, **{"train.strategies.freeze.layers": 2})
    model = Model.start(plan, toy_data(plan, 40).train)
    with pytest.raises(PlanError, match="nothing is left that learns"):
        learning(model, model.loss())
