"""Supervised contrast: what its rows are, whatever stands around it in the plan."""

import pytest
import torch

from conftest import toy_data, toy_plan
from reference import plain_contrast
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.losses.base import weighted_sum
from weitiao.model.model import Model
from weitiao.training.loop import learning
from weitiao.training.run import training_feed
from weitiao.training.strategies.contrast import contrast

VECTORS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 0, 1, 1, 2])


def first_loss(model, train, rows=8):
    feed = training_feed(model, train)
    _strategies, _groups, loss_of = learning(model, model.loss())
    batch = model.batch(feed.encoded, range(rows), feed.labels, feed.weights)
    return loss_of(model.net, batch).loss


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("other", ["rdrop", "fgm"])
def test_the_order_of_strategies_is_free(tiny_bert, other, windows):
    changes = {"model.max_length": 8, "model.long_texts": {"windows": {}}} if windows else {}
    for names in (["contrast", other], [other, "contrast"]):
        plan = toy_plan("classification", tiny_bert, **changes)
        plan = plan.with_({"train.strategies": {name: {} for name in names}})
        data = toy_data(plan, count=40)
        loss = first_loss(Model.start(plan, data.train), data.train)
        assert torch.isfinite(loss)
        loss.backward()


def test_a_row_counts_by_its_weight_and_one_of_weight_0_is_not_there():
    weights = torch.tensor([2.0, 1.0, 1.0, 0.0, 3.0, 1.0])
    there = weights > 0
    rest, labels = VECTORS[there], LABELS[there]
    each = []
    for row in range(len(rest)):
        own = torch.zeros(len(rest))
        own[row] = 1.0
        one = torch.where(own > 0, 1.0, 1e-12)  # all are there, one alone counts
        each.append(contrast(rest, labels, 0.5, one))
    wanted = weighted_sum(torch.stack(each), weights[there])
    torch.testing.assert_close(contrast(VECTORS, LABELS, 0.5, weights), wanted)
    ones = contrast(VECTORS, LABELS, 0.5, torch.ones(6))
    torch.testing.assert_close(ones, contrast(VECTORS, LABELS, 0.5))
    torch.testing.assert_close(ones / 6, plain_contrast(VECTORS, LABELS, 0.5))


def test_shares_that_are_certain_are_labels():
    shares = torch.nn.functional.one_hot(LABELS, 3).float()
    hard = contrast(VECTORS, LABELS, 0.5)
    torch.testing.assert_close(contrast(VECTORS, shares, 0.5), hard)
    assert torch.isfinite(contrast(VECTORS, shares * 0.8 + 0.2 / 3, 0.5))
    assert contrast(VECTORS, shares * 0.8 + 0.2 / 3, 0.5) != hard


def test_rows_with_shares_of_labels_are_contrasted(tiny_bert):
    plan = toy_plan("classification", tiny_bert, **{"train.strategies": {"contrast": {}}})
    roles = {"text": "text", "target": "label", "probabilities": ["p_good", "p_bad"]}
    plan = plan.with_({"data.roles": roles, "task.classification.labels": ["good", "bad"]})
    words = "nice", "poor"
    rows = [
        {"text": f"a {words[at % 2]} day {at}", "label": ("good", "bad")[at % 2],
         "p_good": (0.9, 0.2)[at % 2], "p_bad": (0.1, 0.8)[at % 2]}
        for at in range(40)
    ]  # fmt: skip
    data = load(plan.data, plan.task_name, from_rows(rows))
    loss = first_loss(Model.start(plan, data.train), data.train)
    assert torch.isfinite(loss)
    loss.backward()
