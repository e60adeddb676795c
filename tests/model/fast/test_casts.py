"""Copies of the weights (joined, or in bf16) follow whatever changes the weights."""

import copy

import pytest
import torch

from tiny_networks import fused, network, pull, rows
from weitiao import parts
from weitiao.training.groups import groups_of
from weitiao.training.strategies.ema import EMA
from weitiao.training.update import values as gradients_of

OPTIMIZERS = [(name, {}) for name in parts.names("optimizers")]
OPTIMIZERS.append(("adamw", {"lazy_embeddings": True}))
precisions = pytest.mark.parametrize("precision", ["fp32", "bf16"])


def assert_up_to_date(net, precision, batch):
    """It answers as one that was made from these weights just now."""
    fresh = fused(network("bert"), precision)
    fresh.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(net(batch), fresh(batch))


def started(precision):
    net = fused(network("bert"), precision)
    batch, _ = rows("bert", pairs=True)
    with torch.no_grad():
        return net, batch, net(batch)  # the copies are made


@precisions
@pytest.mark.parametrize(
    ("name", "settings"), OPTIMIZERS, ids=lambda x: x if isinstance(x, str) else str(len(x))
)
def test_the_steps_of_every_optimizer_are_seen(name, settings, precision, own_kernels):
    """As the loop does them: torch's fused optimizers do not say that they changed a weight."""
    net, batch, before = started(precision)
    recipe = parts.build("optimizers", name, settings)
    recipe.start(net)
    groups = [group.options() for group in groups_of(net, 0.05, 0.01)]
    optimizer = recipe.optimizer(groups)
    for group in optimizer.param_groups:
        group["lr"] = 0.05
    for _ in range(2):
        pull(net(batch)).backward()
        assert gradients_of(net.parameters())
        optimizer.step()
        torch.autograd.graph.increment_version(list(net.parameters()))
        optimizer.zero_grad()
        assert_up_to_date(net, precision, batch)
    assert (net(batch) - before).abs().max() > 0.01


@pytest.mark.parametrize("name", parts.names("optimizers"))
def test_the_loop_itself_tells_of_every_step(name, own_kernels, tiny_bert):
    from contextlib import closing

    from accelerate import Accelerator

    from conftest import toy_data, toy_plan
    from weitiao.model.model import Model
    from weitiao.training.batches import Feed
    from weitiao.training.loop import fit

    changes = {"train.optimizer": {name: {}}, "train.layout": "fused", "train.epochs": 1,
               "train.precision": "bf16", "train.learning_rate": 0.01,
               "model.dropout": 0.0, "train.strategies": {"ema": {"decay": 0.5}}}  # fmt: skip
    plan = toy_plan("classification", tiny_bert, **changes)
    data = toy_data(plan, 80)
    model = Model.start(plan, data.train)
    feeds = [
        Feed(model.encode(r), model.task.indices(r.targets(), r.ids()))
        for r in (data.train, data.validation)
    ]
    seen, kinds = [], set()
    with closing(fit(model, *feeds, Accelerator(cpu=True))) as steps:
        for progress in steps:
            # The same weights in a network that has never run.
            other = Model.start(plan, data.train)
            other.net.load_state_dict(model.net.state_dict())
            found, wanted = (m.logits(feeds[1].encoded) for m in (model, other))
            assert (found == wanted).all(), progress.step
            seen.append(float(abs(found).sum()))
            kinds.add(progress.report is not None)  # raw weights, and the average
            if progress.step == 5:
                break
    assert kinds == {True, False}
    assert len(set(seen)) > 4


@precisions
def test_averages_loading_and_writing_are_seen(precision, own_kernels):
    net, batch, before = started(precision)
    average = EMA(decay=0.5)
    for _ in range(3):
        with torch.no_grad():
            for param in net.parameters():
                param.add_(0.05 * torch.randn_like(param))
        average.after_step(net, 0.5)
        assert_up_to_date(net, precision, batch)
    with torch.no_grad():
        raw = net(batch)
        with average.evaluating(net):
            assert_up_to_date(net, precision, batch)
            assert not torch.equal(net(batch), raw)
        assert torch.equal(net(batch), raw)
    net.load_state_dict(fused(network("bert"), precision).state_dict())
    assert_up_to_date(net, precision, batch)
    with torch.no_grad():
        assert torch.equal(net(batch), before)


@precisions
def test_weights_from_a_file_and_other_memory_are_seen(precision, own_kernels, tmp_path):
    from safetensors.torch import load_model, save_model

    net, batch, before = started(precision)
    other = fused(network("bert", seed=1), precision)
    save_model(other, str(tmp_path / "w.safetensors"))
    load_model(net, str(tmp_path / "w.safetensors"))
    assert_up_to_date(net, precision, batch)
    for param in net.parameters():
        param.data = param.data * 1.1
    assert_up_to_date(net, precision, batch)
    net.load_state_dict(copy.deepcopy(fused(network("bert"), precision).state_dict()), assign=True)
    with torch.no_grad():
        assert torch.equal(net(batch), before)


@precisions
def test_one_layer_changed_renews_that_layer_alone(precision, own_kernels):
    net, batch, _ = started(precision)
    casts = net.native.base_model.forward.weights
    seen = [list(c._versions) for c in casts]
    with torch.no_grad():
        net.native.bert.encoder.layer[1].output.dense.bias.add_(1.0)
        net(batch)
    assert casts[0]._versions == seen[0]
    assert casts[1]._versions != seen[1]
    assert_up_to_date(net, precision, batch)


def test_weights_that_change_between_forward_and_backward_are_refused(own_kernels):
    net, batch, _ = started("fp32")
    logits = net(batch)
    with torch.no_grad():
        net.native.bert.encoder.layer[0].output.dense.weight.mul_(2.0)
    with pytest.raises(AssertionError, match="changed between forward and backward"):
        pull(logits).backward()
