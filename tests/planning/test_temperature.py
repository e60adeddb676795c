"""The temperature of the contrastive loss is the one that fits the encoder as it is."""

import numpy as np

import weitiao
from conftest import toy_data, toy_plan
from weitiao.planning import temperature


def test_a_plan_has_the_temperature_with_the_losses_that_chose_it(tiny_bert):
    rows = [{"question": f"where is town {at}", "passage": f"town {at} lies by the river"}
            for at in range(40)]  # fmt: skip
    plan = weitiao.plan(rows, model=str(tiny_bert), task="retrieval")
    chosen = plan.train.loss["contrastive"]["temperature"]
    evidence = plan.why["train.loss"].evidence
    assert chosen in temperature.TRIED
    losses = [float(one) for one in evidence.partition(": ")[2].split(", ")]
    assert losses[temperature.TRIED.index(chosen)] == min(losses)
    assert evidence.startswith("40 pairs")


def test_what_the_user_says_stands(tiny_bert):
    rows = [{"question": f"q {at}", "passage": f"p {at}"} for at in range(20)]
    changes = {"train.loss": {"contrastive": {"temperature": 0.07}}}
    plan = weitiao.plan(rows, model=str(tiny_bert), task="retrieval", changes=changes)
    assert plan.train.loss == {"contrastive": {"temperature": 0.07}}


def test_few_rows_tell_nothing(tiny_bert):
    plan = toy_plan("retrieval", tiny_bert)
    assert temperature.loss(plan, toy_data(plan, 40).train.take(np.arange(8))) == {}


def test_the_loss_is_that_of_the_part():
    import torch

    from weitiao.losses.contrastive import Contrastive

    draw = np.random.default_rng(1).normal(size=(12, 8))
    vectors = draw / np.linalg.norm(draw, axis=1, keepdims=True)
    questions, passages = vectors[0::2], vectors[1::2]
    numbers = np.array([0, 1, 2, 2, 3, 4])  # two questions share a passage
    same = numbers[:, None] == numbers[None, :]
    np.fill_diagonal(same, val=False)
    labels = torch.tensor(np.column_stack([numbers, np.arange(6), np.full((6, 3), -1)]))
    part = Contrastive(temperature=0.03).value(torch.tensor(vectors), labels)
    assert np.isclose(temperature._loss(questions @ passages.T / 0.03, same), float(part) / 6)


def test_an_encoder_whose_cosines_are_close_gets_a_low_temperature():
    cosines = np.full((20, 20), 0.7)
    np.fill_diagonal(cosines, 0.8)  # as E5's
    same = np.zeros((20, 20), bool)
    losses = [temperature._loss(cosines / one, same) for one in temperature.TRIED]
    assert temperature.TRIED[int(np.argmin(losses))] == 0.01
