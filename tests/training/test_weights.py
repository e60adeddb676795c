"""Weights of rows: weight 2 is the row twice, weight 0 the row left out; shares that are one-hot are
hard labels."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import make_checkpoint, toy_data, toy_plan
from reference import EPS
from weitiao import parts
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.soft_labels import shares_of
from weitiao.errors import DataError
from weitiao.evaluation.baselines import PROBLEMS
from weitiao.losses.standard import BCE, MSE, CrossEntropy, Span
from weitiao.model.model import Model
from weitiao.planfile.plan import DataPlan
from weitiao.planfile.sections import LabelsPlan
from weitiao.training.batches import Feed
from weitiao.training.linear_start import fit_output_layer
from weitiao.training.loop import fit, learning
from weitiao.training.run import training_feed, validation_feed

TASKS = [
    "classification",
    "multilabel",
    "nli",
    "regression",
    "question_answering",
    "token_classification",
]
ROWS = np.array([0, 1, 2, 3, 4, 5])
WEIGHTS = np.array([2.0, 1.0, 1.0, 0.0, 3.0, 1.0])
REPEATED = np.repeat(ROWS, WEIGHTS.astype(int))


@pytest.fixture(scope="module")
def quiet_bert(tmp_path_factory):
    return str(make_checkpoint(tmp_path_factory.mktemp("quiet"), dropout=0.0))


def losses_and_labels(name, draw, rows):
    if name == "cross_entropy":
        return (
            CrossEntropy(label_smoothing=0.1, weights=(1.0, 2.0, 0.5)),
            draw.normal(size=(rows, 3)),
            draw.integers(0, 3, rows),
        )
    if name == "bce":
        return (
            BCE(weights=(1.0, 2.0, 0.5)),
            draw.normal(size=(rows, 3)),
            draw.integers(0, 2, (rows, 3)).astype(np.float32),
        )
    return MSE(), draw.normal(size=(rows, 1)), draw.normal(size=rows).astype(np.float32)


@pytest.mark.parametrize("name", ["cross_entropy", "bce", "mse"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), counts=st.lists(st.integers(0, 3), min_size=2, max_size=6))
def test_a_weight_is_so_many_rows(name, seed, counts):
    draw = np.random.default_rng(seed)
    cost, logits, labels = losses_and_labels(name, draw, len(counts))
    once, weights = torch.tensor(logits, requires_grad=True), torch.tensor(counts).double()
    labels = torch.from_numpy(labels)
    rows = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    loss = cost.value(once, labels, weights)
    (gradient,) = torch.autograd.grad(loss, once)
    torch.testing.assert_close(
        cost.count(labels, weights).double(), cost.count(labels[rows]).double()
    )
    repeated = cost.value(once[rows], labels[rows])
    (wanted,) = torch.autograd.grad(repeated, once)
    torch.testing.assert_close(loss, repeated, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient, wanted, rtol=1e-6, atol=1e-6)


def test_a_row_of_weight_0_counts_nothing_even_if_its_loss_is_infinite():
    logits = torch.tensor([[0.0, -torch.inf], [0.3, 0.1]])
    labels, weights = torch.tensor([1, 0]), torch.tensor([0.0, 1.0])
    alone = CrossEntropy().value(logits[1:], labels[1:])
    torch.testing.assert_close(CrossEntropy().value(logits, labels, weights), alone)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), smoothing=st.sampled_from([0.0, 0.2]))
def test_one_hot_shares_are_hard_labels(seed, smoothing):
    draw = np.random.default_rng(seed)
    logits = torch.tensor(draw.normal(size=(5, 3)), requires_grad=True)
    labels = torch.from_numpy(draw.integers(0, 3, 5))
    cost = CrossEntropy(label_smoothing=smoothing, weights=(1.0, 2.0, 0.5))
    shares = torch.nn.functional.one_hot(labels, 3).double()
    hard, soft = cost.value(logits, labels), cost.value(logits, shares)
    torch.testing.assert_close(hard, soft)
    torch.testing.assert_close(cost.count(labels), cost.count(shares))
    gradients = [torch.autograd.grad(one, logits)[0] for one in (hard, soft)]
    torch.testing.assert_close(*gradients)


def test_spans_count_by_the_weight_of_their_row():
    logits = torch.randn(2, 4, 2)
    labels = torch.tensor([[0, 3, 0, 0], [1, 0, 2, 0]])
    weights = torch.tensor([2.0, 1.0])[:, None].expand(2, 4)
    twice = [0, 0, 1]
    torch.testing.assert_close(
        Span().value(logits, labels, weights), Span().value(logits[twice], labels[twice])
    )
    assert float(Span().count(labels, weights)) == 3.0


def gradients(model, feed, rows):
    cost = model.loss()
    _strategies, _groups, loss_of = learning(model, cost)
    batch = model.batch(feed.encoded, rows, feed.labels, feed.weights)
    count = float(cost.count(*feed.counted(rows)))
    model.net.train()
    (loss_of(model.net, batch).loss / count).backward()
    found = {
        n: p.grad.to_dense().clone()
        for n, p in model.net.native.named_parameters()
        if p.grad is not None
    }
    model.net.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("layout", ["padded", "packed"])
@pytest.mark.parametrize("task", TASKS)
def test_the_gradient_of_an_update_is_that_of_the_rows_repeated(task, layout, quiet_bert):
    plan = toy_plan(task, quiet_bert, **{"train.layout": layout, "train.strategies": {"rdrop": {}}})
    data = toy_data(plan, count=60)
    model = Model.start(plan, data.train)
    plain = training_feed(model, data.train)
    weights = np.ones(len(plain.labels))
    weights[ROWS] = WEIGHTS
    weighted, wanted = (
        gradients(model, replace(plain, weights=weights), ROWS),
        gradients(model, plain, REPEATED),
    )
    assert weighted.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(weighted[name], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("task", ["classification", "token_classification"])
def test_micro_batches_of_weighted_rows_add_up(task, quiet_bert):
    ends = []
    for tokens in (10_000, 40):
        plan = toy_plan(
            task,
            quiet_bert,
            **{
                "train.layout": "packed",
                "train.batch_size": 6,
                "train.micro_batch_tokens": tokens,
                "train.optimizer": {"adamw": {"eps": EPS}},
            },
        )
        data = toy_data(plan, count=60)
        model = Model.start(plan, data.train)
        plain = training_feed(model, data.train)
        feed = replace(plain, weights=np.linspace(0, 3, len(plain.labels)))
        with closing(
            fit(model, feed, validation_feed(model, data.validation), Accelerator(cpu=True))
        ) as steps:
            for progress in steps:
                if progress.step == 3:
                    break
        ends.append({n: p.detach().clone() for n, p in model.net.native.named_parameters()})
    for name, weight in ends[0].items():
        torch.testing.assert_close(ends[1][name], weight, rtol=2e-4, atol=2e-5)


def test_the_linear_start_leaves_out_rows_of_weight_0(quiet_bert):
    plan = toy_plan("classification", quiet_bert)
    data = toy_data(plan, count=60)
    model = Model.start(plan, data.train)
    plain = training_feed(model, data.train)
    weights = np.ones(len(plain.labels))
    weights[::3] = 0
    left = np.flatnonzero(weights)
    first = fit_output_layer(model, replace(plain, weights=weights), model.loss(), rows=1000)
    second = fit_output_layer(
        model, Feed(plain.encoded.of(left), plain.labels[left]), model.loss(), rows=1000
    )
    assert first.rows == second.rows == len(left)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_linear_baselines_take_a_weight_as_so_many_rows(problem):
    draw = np.random.default_rng(1)
    features, weights = draw.normal(size=(40, 5)), draw.integers(0, 3, 40)
    labels = {
        "regression": draw.normal(size=40),
        "multi_label_classification": draw.integers(0, 2, (40, 2)),
    }.get(problem, draw.integers(0, 3, 40))
    outputs = {"regression": 1, "multi_label_classification": 2}.get(problem, 3)
    rows = np.repeat(np.arange(40), weights)
    one = PROBLEMS[problem].fit(
        features, labels, outputs, (1.0, 1e-8), False, weights.astype(float)
    )
    other = PROBLEMS[problem].fit(features[rows], labels[rows], outputs, (1.0, 1e-8), False)
    np.testing.assert_allclose(one(features), other(features), atol=1e-4)


def weighted_rows(cells):
    return from_rows(
        [
            {"text": f"row {i}", "label": "ab"[i % 2], "weight": cells[i % len(cells)]}
            for i in range(60)
        ]
    )


def plan_of(**roles):
    return DataPlan(path="unused", roles={"text": "text", "target": "label", **roles})


def test_a_column_called_weight_is_named_and_not_taken():
    data = load(plan_of(), "classification", weighted_rows(["1", "2"]))
    assert data.train.weights() is None
    assert "the column 'weight' is not used" in "\n".join(data.history)


def test_weights_are_read_and_survive_the_steps():
    data = load(plan_of(weight="weight"), "classification", weighted_rows(["0.5", "", "0"]))
    assert set(data.train.weights()) == {0.0, 0.5, 1.0}
    assert "0 to 1, 20 of them 0; 20 empty ones count 1" in "\n".join(data.history)
    made = run_steps(data.train, {"length_filter": {"shortest": 1}}, 1)
    np.testing.assert_array_equal(made.weights(), data.train.weights())


def test_rows_of_weight_0_are_learned_from_by_nothing():
    data = load(plan_of(weight="weight"), "classification", weighted_rows(["1", "2", "0"]))
    left = data.train.weighing()
    assert 0 < len(left) < len(data.train)
    assert set(left.weights()) == {1.0, 2.0}


def test_balanced_class_weights_follow_the_weights_of_rows():
    task = parts.build("tasks", "classification", {}).learn(["a", "b"])
    labels = np.array([0, 0, 0, 1])
    assert task.balanced(labels) == task.balanced(labels, np.ones(4))
    assert task.balanced(labels, np.array([1, 0, 0, 1.0])) == (1.0, 1.0)
    several = parts.build("tasks", "multilabel", {}).learn([["a"], ["b"]])
    hits = np.array([[1, 0], [1, 0], [0, 1]], float)
    assert several.balanced(hits, np.array([1, 0, 1.0])) == (1.0, 1.0)


@pytest.mark.parametrize("cell", ["-1", "much", "inf"])
def test_what_is_no_weight_is_refused_with_its_row(cell):
    with pytest.raises(DataError, match=r"rows:1: .* is no weight"):
        load(plan_of(weight="weight"), "classification", weighted_rows(["1", cell, "2"]))


def test_tasks_that_write_have_no_weights():
    with pytest.raises(DataError, match="rows of translation have no weights"):
        load(plan_of(weight="weight"), "translation", weighted_rows(["1"]))


def test_losses_of_other_packages_need_not_know_weights(quiet_bert):
    class Old(CrossEntropy):
        def value(self, logits, labels):
            return super().value(logits, labels)

    plan = toy_plan("classification", quiet_bert)
    data = toy_data(plan, count=60)
    model = Model.start(plan, data.train)
    feed = training_feed(model, data.train)
    batch = model.batch(feed.encoded, ROWS, feed.labels)
    task = parts.build("tasks", "classification", plan.task["classification"]).learn(
        data.train.targets()
    )
    assert task.loss(model.net, batch, Old()).loss.isfinite()


def soft_rows():
    votes = [("a", "a", "b"), ("b", "", "b"), ("a", "b", "b"), ("", "", "")]
    rows = []
    for i in range(60):
        ann, bob, cem = votes[i % 4]
        label = "b" if i % 4 in (1, 2) else "a"
        rows.append(
            {
                "text": f"row {i}",
                "label": label,
                "ann": ann,
                "bob": bob,
                "cem": cem,
                "p_a": 3 * (i % 2),
                "p_b": "1" if i % 4 else "",
            }
        )
    return from_rows(rows)


def test_votes_become_shares_and_no_vote_is_the_target():
    data = load(plan_of(annotators=["ann", "bob", "cem"]), "classification", soft_rows())
    shares = shares_of(data.train, ["a", "b"])
    places = [int(e.inputs["text"].split()[1]) % 4 for e in data.train.examples()]
    wanted = np.array([[2 / 3, 1 / 3], [0, 1], [1 / 3, 2 / 3], [1, 0]])
    np.testing.assert_allclose(shares, wanted[places], atol=1e-6)


def test_probabilities_and_counts_become_shares():
    data = load(plan_of(probabilities=["p_a", "p_b"]), "classification", soft_rows())
    shares = shares_of(data.train, ["a", "b"])
    places = [int(e.inputs["text"].split()[1]) % 4 for e in data.train.examples()]
    wanted = np.array([[1, 0], [0.75, 0.25], [0, 1], [0.75, 0.25]])
    np.testing.assert_allclose(shares, wanted[places], atol=1e-6)


def test_shares_follow_the_names_of_the_plan():
    plan = plan_of(annotators=["ann", "bob", "cem"]).model_copy(
        update={"labels": LabelsPlan(rename={"a": "x"})}
    )
    data = load(plan, "classification", soft_rows())
    assert shares_of(data.train, ["b", "x"]).sum(1) == pytest.approx(1)


def test_a_vote_for_an_unknown_label_is_named():
    data = load(plan_of(annotators=["text"]), "classification", soft_rows())
    with pytest.raises(DataError, match=r"rows:\d+: text says 'row"):
        shares_of(data.train, ["a", "b"])


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_training_on_one_hot_shares_is_training_on_labels(layout, quiet_bert):
    ends = []
    for soft in (False, True):
        plan = toy_plan(
            "classification",
            quiet_bert,
            **{"train.layout": layout, "train.optimizer": {"adamw": {"eps": EPS}}},
        )
        data = toy_data(plan, count=60)
        model = Model.start(plan, data.train)
        feed = training_feed(model, data.train)
        if soft:
            feed = replace(feed, labels=np.eye(2, dtype=np.float32)[feed.labels])
        with closing(
            fit(model, feed, validation_feed(model, data.validation), Accelerator(cpu=True))
        ) as steps:
            for progress in steps:
                if progress.step == 3:
                    break
        ends.append({n: p.detach().clone() for n, p in model.net.native.named_parameters()})
    for name, weight in ends[0].items():
        torch.testing.assert_close(ends[1][name], weight, rtol=2e-4, atol=2e-5)


def test_a_run_learns_from_weights_and_shares(tiny_bert, tmp_path):
    import weitiao

    rows = [
        {
            "text": f"{'good' if i % 2 else 'bad'} thing {i}",
            "label": "ab"[i % 2],
            "w": 1 + i % 3,
            "ann": "ab"[i % 2],
            "bob": "ab"[(i // 2) % 2],
        }
        for i in range(80)
    ]
    fitted = weitiao.fit(
        rows,
        model=tiny_bert,
        out=tmp_path,
        roles={"text": "text", "target": "label", "weight": "w", "annotators": ["ann", "bob"]},
        changes={
            "train.epochs": 1,
            "evaluate.weighted": True,
            "evaluate.bootstrap_samples": 0,
            "evaluate.findings": False,
        },
    )
    weighted = fitted.report.more["weighted"]
    assert weighted.keys() == fitted.report.metrics.keys()
    assert "weights of rows from the column 'w'" in "\n".join(fitted.history)
