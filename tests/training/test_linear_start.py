"""The output layer fitted to frozen features, before training."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from conftest import toy_data, toy_plan
from weitiao.data.prepare.run_steps import run_steps
from weitiao.losses.standard import CrossEntropy
from weitiao.model.model import Model
from weitiao.model.output_layer import OutputLayer, features, output_layer
from weitiao.run import Run
from weitiao.training import linear_start
from weitiao.training.budget import Clock
from weitiao.training.linear_start import (
    STRENGTHS,
    fit_output_layer,
    held_out_losses,
    origins_of,
)
from weitiao.training.run import train, training_feed

TASKS = ("classification", "multilabel", "regression", "nli", "similarity", "token_classification")


def start(task, checkpoint, rows=80, **changes):
    plan = toy_plan(task, checkpoint, **changes)
    data = toy_data(plan, rows)
    return Model.start(plan, data.train, data.validation), data


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("layout", ["padded", "packed", "fused"])
def test_features_times_the_output_layer_are_the_logits(task, layout, tiny_bert):
    model, data = start(task, tiny_bert, **{"train.layout": layout})
    encoded = model.encode(data.train)
    rows = np.array([5, 0, 7])
    layer = output_layer(model)
    read = features(model, encoded, rows)
    values, logits = getattr(read, "values", read), model.logits(encoded, positions=rows)
    by_hand = torch.nn.functional.linear(torch.from_numpy(values), layer.weight, layer.bias)
    assert np.allclose(by_hand.detach(), getattr(logits, "values", logits), atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_a_fitted_layer_has_less_loss_than_a_new_one(task, tiny_bert):
    model, data = start(task, tiny_bert)
    feed, cost = training_feed(model, data.train), model.loss()

    def loss():
        logits, labels = model.logits(feed.encoded), feed.labels
        logits, labels = (
            torch.from_numpy(np.asarray(getattr(x, "values", x))) for x in (logits, labels)
        )
        return float(cost.value(logits, labels) / cost.count(labels))

    before = loss()
    fit_output_layer(model, feed, cost).put_into(model)
    assert loss() < before


def test_it_is_the_optimum_that_scikit_learn_finds():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 6, generator=generator)
    labels = (inputs @ torch.randn(6, 3, generator=generator)).argmax(1)
    cost = CrossEntropy()
    weight, bias = list(linear_start._path(inputs, labels, cost, 3, (0.1,)))[-1]
    other = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(inputs.numpy(), labels.numpy())
    assert np.allclose(weight - weight.mean(0), other.coef_ - other.coef_.mean(0), atol=2e-3)
    assert np.allclose(bias - bias.mean(), other.intercept_ - other.intercept_.mean(), atol=2e-3)


def test_noise_gets_a_stronger_penalty_than_a_signal():
    generator = torch.Generator().manual_seed(1)
    inputs, rows = torch.randn(120, 40, generator=generator), np.arange(120)
    noise = torch.randint(2, (120,), generator=generator)
    signal = (inputs[:, 0] > 0).long()
    best = [
        STRENGTHS[int(held_out_losses(inputs, labels, rows, CrossEntropy(), 2).argmin())]
        for labels in (noise, signal)
    ]
    assert best[0] < best[1]


@pytest.mark.parametrize("task", ["classification", "token_classification"])
def test_a_row_and_its_copies_share_a_fold(task, tiny_bert, monkeypatch):
    model, data = start(task, tiny_bert)
    rows = run_steps(data.train, {"aeda": {"times": 2}}, 1)
    feed = training_feed(model, rows)
    seen = []

    def losses(inputs, targets, groups, *others):
        seen.append(groups)
        return held_out_losses(inputs, targets, groups, *others)

    monkeypatch.setattr(linear_start, "held_out_losses", losses)
    origins = origins_of(rows, feed.encoded)
    assert len(np.unique(origins)) == len(data.train) < len(rows)
    fit_output_layer(model, feed, model.loss(), origins=origins)
    assert len(np.unique(seen[0])) == len(data.train)
    order = np.random.default_rng(model.plan.train.seed).permutation(len(rows))
    ids = np.array([one.split("#")[0] for one in rows.ids()])[order]
    if task == "classification":
        for origin in set(ids):
            assert len(set(seen[0][ids == origin])) == 1


def test_without_steps_the_folds_are_those_of_the_rows(tiny_bert):
    model, data = start("classification", tiny_bert)
    feed = training_feed(model, data.train)
    assert origins_of(data.train, feed.encoded) is None
    plain = fit_output_layer(model, feed, model.loss())
    own = fit_output_layer(model, feed, model.loss(), origins=np.arange(len(data.train)))
    assert torch.equal(plain.weight, own.weight)


def test_the_same_rows_give_the_same_layer_and_a_file_keeps_it(tiny_bert, tmp_path):
    model, data = start("classification", tiny_bert)
    feed = training_feed(model, data.train)
    first = fit_output_layer(model, feed, model.loss())
    first.put_into(model)  # the features do not depend on the layer
    second = fit_output_layer(model, feed, model.loss())
    assert torch.equal(first.weight, second.weight)
    second.save(tmp_path / "linear.safetensors")
    loaded = OutputLayer.load(tmp_path / "linear.safetensors")
    assert torch.equal(loaded.weight, first.weight)
    assert (loaded.rows, loaded.strength) == (first.rows, first.strength)


def test_a_run_of_fewer_rows_is_repeated_from_its_log(tiny_bert, monkeypatch):
    monkeypatch.setattr(linear_start, "CHUNK_ROWS", 8)
    model, data = start("classification", tiny_bert)
    feed = training_feed(model, data.train)
    clock = iter([1.0, 0.0])
    short = fit_output_layer(model, feed, model.loss(), left=lambda: next(clock))
    assert short.rows == 16
    again = fit_output_layer(model, feed, model.loss(), rows=16)
    assert torch.equal(short.weight, again.weight)


@pytest.mark.parametrize("task", TASKS)
def test_the_first_evaluation_is_that_of_the_linear_model(task, tiny_bert, tmp_path):
    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan, 80)
    run = Run.create(tmp_path, "run", plan)
    train(plan, data, run)
    first, second = run.history()[:2]
    assert (first["event"], second["step"], second["best"]) == ("linear", 0, True)
    assert run.linear.is_file()


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("question_answering", {}),
        ("token_classification", {"model.head": {"crf": {}}}),
        ("classification", {"train.linear_start": False}),
    ],
)
def test_where_there_is_none_training_starts_as_before(task, changes, tiny_bert, tmp_path):
    plan = toy_plan(task, tiny_bert, **changes)
    run = Run.create(tmp_path, "run", plan)
    train(plan, toy_data(plan, 60), run)
    assert run.history()[0]["step"] == 1
    assert not run.linear.exists()


def test_a_budget_without_time_for_training_ends_with_the_linear_model(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert)
    run = Run.create(tmp_path, "run", plan)
    outcome = train(plan, toy_data(plan, 80), run, clock=Clock(-5.0))
    assert (outcome.state, outcome.step) == ("finished", 0)
    lines = run.history()
    assert next(line["rows"] for line in lines if line.get("event") == "linear") > 0
    assert (
        run.status().value == next(x for x in lines if "validation" in x)["validation"]["accuracy"]
    )
    assert Model.load(run.best).predict_proba(["a text"]).shape[0] == 1


def test_training_on_shorter_texts_answers_by_whole_ones(tiny_bert, tmp_path):
    """`train.truncate_to` cuts what is learned alone: the output layer before training, validation
    and predictions read `model.max_length` tokens."""
    changes = {"model.max_length": 32, "train.truncate_to": 8}
    model, data = start("classification", tiny_bert, **changes)
    whole, short = (training_feed(model, data.train, most) for most in (None, 8))
    assert short.encoded.lengths.max() == 8 < whole.encoded.lengths.max()
    assert np.array_equal(short.labels, whole.labels)
    longer = training_feed(model, data.train, 999)  # never more than the model reads
    assert np.array_equal(longer.encoded.lengths, whole.encoded.lengths)

    plan = toy_plan("classification", tiny_bert, **changes)
    outcomes = []
    for name, one in (("short", plan), ("whole", plan.with_({"train.truncate_to": None}))):
        run = Run.create(tmp_path, name, one)
        train(one, toy_data(one, 80), run)
        outcomes.append(run)
    lines = [run.history() for run in outcomes]
    first = [next(line for line in log if line.get("validation")) for log in lines]
    assert first[0]["validation"] == first[1]["validation"]  # the same output layer, whole texts
    losses = [[line["loss"] for line in log if "loss" in line] for log in lines]
    assert losses[0] != losses[1]
    layers = [OutputLayer.load(run.linear) for run in outcomes]
    assert torch.equal(layers[0].weight, layers[1].weight)


@pytest.mark.parametrize("copies", [1, 2])
def test_labels_of_one_row_do_not_choose_the_penalty(copies):
    """A held-out row whose label nothing else has cannot be learned; its loss is least where
    nothing is."""
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(12, 32, generator=draw)
    labels = torch.arange(12).repeat(copies)
    inputs = centres.repeat(copies, 1) + 0.05 * torch.randn(12 * copies, 32, generator=draw)
    groups = np.tile(np.arange(12), copies)
    losses = held_out_losses(inputs, labels, groups, CrossEntropy(), 12)
    assert STRENGTHS[int(losses.argmin())] > STRENGTHS[0]
