"""Each optimizer against its own formula: decoupled decay and coupled L2 are told apart."""

import math

import pytest
import torch

from weitiao import parts
from weitiao.train.fit import set_rates
from weitiao.train.groups import groups_of

RATE, DECAY = 0.1, 0.5


def step(name, gradients, **settings):
    weight = torch.nn.Parameter(torch.tensor([2.0, -3.0]))
    recipe = parts.build("optimizers", name, settings)
    optimizer = recipe.optimizer([{"params": [weight], "lr": RATE, "weight_decay": DECAY}])
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimizer.step()
    return weight.detach()


def adam(gradients, coupled):
    weight = torch.tensor([2.0, -3.0])
    first = second = torch.zeros(2)
    for i, gradient in enumerate(gradients, 1):
        gradient = torch.tensor(gradient)
        if coupled:
            gradient = gradient + DECAY * weight
        else:
            weight = weight * (1 - RATE * DECAY)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        corrected = (first / (1 - 0.9**i), second / (1 - 0.999**i))
        weight = weight - RATE * corrected[0] / (corrected[1].sqrt() + 1e-8)
    return weight


GRADIENTS = [[0.3, -0.1], [0.2, 0.4], [-0.5, 0.1]]


@pytest.mark.parametrize(("name", "coupled"), [("adamw", False), ("adam", True)])
def test_adam_decays_inside_the_moments_and_adamw_beside_them(name, coupled):
    torch.testing.assert_close(step(name, GRADIENTS), adam(GRADIENTS, coupled))
    assert not torch.allclose(adam(GRADIENTS, True), adam(GRADIENTS, False), atol=1e-2)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_adds_the_decay_to_the_gradient(momentum):
    weight, buffer = torch.tensor([2.0, -3.0]), None
    for gradient in GRADIENTS:
        whole = torch.tensor(gradient) + DECAY * weight
        buffer = whole if buffer is None else momentum * buffer + whole
        weight = weight - RATE * buffer
    torch.testing.assert_close(step("sgd", GRADIENTS, momentum=momentum), weight)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("linear", lambda p: 1 - p),
        ("cosine", lambda p: (1 + math.cos(math.pi * p)) / 2),
        ("constant", lambda p: 1.0),
    ],
)
def test_schedules_warm_up_and_then_follow_their_formula(name, wanted):
    net = torch.nn.Linear(2, 2)
    groups = groups_of(net, RATE, DECAY)
    optimizer = torch.optim.SGD([g.options() for g in groups], lr=0.0)
    schedule = parts.build("schedules", name)
    for progress in (0.01, 0.05, 0.0999):
        rate = set_rates(optimizer, groups, progress, 0.1, schedule)
        assert rate == pytest.approx(RATE * progress / 0.1)
    for progress in (0.1, 0.3, 0.9, 1.0):
        rate = set_rates(optimizer, groups, progress, 0.1, schedule)
        assert rate == pytest.approx(RATE * wanted((progress - 0.1) / 0.9), abs=1e-9)


def test_biases_and_norms_are_not_decayed_and_every_parameter_is_in_one_group():
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LayerNorm(3))
    groups = groups_of(net, RATE, DECAY)
    for group in groups:
        for param in group.params:
            assert (group.weight_decay > 0) == (param.ndim > 1)
    found = [id(p) for group in groups for p in group.params]
    assert sorted(found) == sorted(id(p) for p in net.parameters())
