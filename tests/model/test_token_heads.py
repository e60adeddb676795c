"""Heads that answer for tokens: in every layout the numbers of transformers, token by token."""

import pytest
import torch

from tiny_networks import learned, network, rows
from weitiao.model import packed
from weitiao.model.fast import fused
from weitiao.model.net import Net

OUTPUTS = {"tokens": 3, "spans": 2}
heads = pytest.mark.parametrize("head", OUTPUTS)


def wanted_of(native, grid):
    output = native(**grid)
    logits = output.logits if "logits" in output else None
    if logits is None:
        logits = torch.stack([output.start_logits, output.end_logits], -1)
    return logits[grid["attention_mask"].bool()]


def assert_same(net, native, family):
    batch, grid = rows(family, pairs=True)
    logits, wanted = net(batch), wanted_of(native, grid)
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)
    found, slopes = learned(logits, net), learned(wanted, native)
    assert found.keys() == slopes.keys()
    largest = max(float(slope.norm()) for slope in slopes.values())
    for name, slope in slopes.items():
        off = float((found[name] - slope).norm())
        assert off <= 1e-4 * max(float(slope.norm()), 1e-3 * largest), name


@heads
@pytest.mark.parametrize("family", packed.FAMILIES)
def test_packed_tokens_are_those_of_transformers(family, head):
    changes = {"head": head, "num_labels": OUTPUTS[head]}
    net = Net(network(family, **changes)).run_as("packed", "fp32").train()
    assert net.layout == "packed"
    assert_same(net, network(family, **changes), family)


@heads
@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "ernie"])
def test_fused_tokens_are_those_of_transformers(family, head, own_kernels):
    changes = {"head": head, "num_labels": OUTPUTS[head]}
    native = network(family, **changes)
    assert fused.can_fuse(native)
    net = Net(network(family, **changes)).run_as("fused", "fp32").train()
    assert net.kernels.startswith(own_kernels)
    assert_same(net, native, family)


@heads
def test_padded_tokens_keep_their_grid(head):
    from weitiao.example import Batch

    native = network("bert", head=head, num_labels=OUTPUTS[head])
    _, grid = rows("bert")
    given = Net(native).run_as("padded", "fp32")(Batch(grid))
    assert given.shape == (*grid["input_ids"].shape, OUTPUTS[head])
