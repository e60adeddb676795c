"""The contract of every task with every strategy, layout and micro-batch: the numbers of a plain
loop. The folders are walked: a new task or strategy is covered (or missed) here by name."""

import itertools
from contextlib import closing

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from conftest import WRITING, toy_data, toy_plan
from reference import EPS, plain_contrast
from reference import train as plain_training
from weitiao import parts
from weitiao.core.ragged import values_of
from weitiao.errors import PlanError
from weitiao.model.model import Model
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.training.loop import fit
from weitiao.training.run import training_feed, validation_feed

# Tasks with one answer a row.
ROWS = ["classification", "multilabel", "nli", "regression", "similarity"]
TASKS = sorted([*ROWS, "question_answering", "token_classification"])
# Settings that make each strategy do something a plain loop can repeat (there is no dropout here).
STRATEGIES = {
    "plain": {},
    "contrast": {"contrast": {"weight": 0.3, "temperature": 0.2}},
    "ema": {"ema": {"decay": 0.7}},
    "fgm": {"fgm": {"epsilon": 0.1}},
    "freeze": {"freeze": {"layers": 1}},
    "gradual_unfreezing": {"gradual_unfreezing": {"until": 0.4}},
    "head_rate": {"head_rate": {"learning_rate": 5e-3}},
    "layer_decay": {"layer_decay": {"decay": 0.6}},
    "rdrop": {"rdrop": {"alpha": 2.0}},
    "all": {"rdrop": {}, "fgm": {"epsilon": 0.1}, "ema": {"decay": 0.7}, "layer_decay": {},
            "gradual_unfreezing": {"until": 0.4}},
}  # fmt: skip
LAYOUTS = {
    "padded": {"train.layout": "padded"},
    "packed": {"train.layout": "packed"},
    "padded, accumulated": {"train.layout": "padded", "train.micro_batch_tokens": 40},
    "packed, accumulated": {"train.layout": "packed", "train.micro_batch_tokens": 40},
    "fused": {"train.layout": "fused"},
    "fused, accumulated": {"train.layout": "fused", "train.micro_batch_tokens": 40},
}
OPTIMIZERS = {"whole table": {}, "touched rows": {"lazy_embeddings": True}}
SINGLE = ["classification", "nli"]  # tasks with one label a row, which contrast needs
UPDATES = 5


def test_every_part_is_covered():
    # Texts and vectors have tests of their own: tests/tasks/test_writing.py, test_retrieval.py.
    assert parts.names("tasks") == sorted([*TASKS, *WRITING, "retrieval"])
    assert set(parts.names("strategies")) == set(STRATEGIES) - {"plain", "all"}


@pytest.fixture(scope="module")
def quiet_bert(tmp_path_factory):
    """Without dropout, what a loop computes can be compared to the last digits."""
    from conftest import make_checkpoint

    return str(make_checkpoint(tmp_path_factory.mktemp("quiet"), dropout=0.0))


def started(task, checkpoint, **changes):
    settings = {
        "train.epochs": 3,
        "train.batch_size": 6,
        "train.optimizer": {"adamw": {"eps": EPS}},
    }
    plan = toy_plan(task, checkpoint, **{**settings, **changes})
    data = toy_data(plan, count=60)
    return Model.start(plan, data.train), data


def run(model, data, updates=UPDATES):
    """Train for some updates; the raw weights, and the judged ones."""
    train, validation = training_feed(model, data.train), validation_feed(model, data.validation)
    with closing(fit(model, train, validation, Accelerator(cpu=True))) as steps:
        for progress in steps:
            if progress.step == updates and progress.report is None:
                raw = {n: p.detach().clone() for n, p in model.net.native.named_parameters()}
                progress.replan(updates)
            if progress.report is not None and progress.step == updates:
                judged = {n: p.detach().clone() for n, p in model.net.native.named_parameters()}
    return raw, judged


def loops():
    """Every task, strategy and optimizer at least twice; all their combinations by `make slow`."""
    rows = list(itertools.product(TASKS, STRATEGIES, OPTIMIZERS))
    tasks, strategies, optimizers = TASKS, list(STRATEGIES), list(OPTIMIZERS)
    for task, strategy, optimizer in rows:
        if strategy == "contrast" and task not in SINGLE:
            continue
        places = tasks.index(task), strategies.index(strategy), optimizers.index(optimizer)
        quick = (places[0] - places[1]) % 3 == 0 and places[2] == places[0] % 2
        yield pytest.param(task, strategy, optimizer, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize(("task", "strategies", "optimizer"), list(loops()))
def test_the_loop_gives_the_numbers_of_a_plain_loop(
    task, strategies, optimizer, quiet_bert, compiled_once, monkeypatch
):
    """Whole updates run through the kernels in C++, where a compiler is; pieces (with touched rows,
    to save time) through the others."""
    chosen = STRATEGIES[strategies]
    settings = {"train.optimizer.adamw": {"eps": EPS, **OPTIMIZERS[optimizer]}}
    references = {}
    for kind, layout in LAYOUTS.items():
        if kind == {"touched rows": "fused", "whole table": "fused, accumulated"}[optimizer]:
            continue
        if "contrast" in chosen and "accumulated" in kind:
            continue  # it compares the rows of a micro-batch
        changes = {**settings, **layout, "train.strategies": chosen}
        with monkeypatch.context() as patch:
            if kind == "fused" and compiled_once:
                patch.setenv("WEITIAO_COMPILER", "")
            model, data = started(task, quiet_bert, **changes)
        if model.net.layout == "fused":
            assert model.net.kernels.startswith("c++") == (kind == "fused" and bool(compiled_once))
        assert model.net.layout == layout["train.layout"]
        if model.packs not in references:  # padded rows come in buckets, packed ones at random
            references[model.packs] = plain_training(model, data.train, UPDATES)
        reference, average = references[model.packs]
        raw, judged = run(model, data)
        wanted = average if "ema" in chosen else reference
        for name, weight in reference.items():
            torch.testing.assert_close(raw[name], weight, rtol=2e-4, atol=2e-5)
            torch.testing.assert_close(judged[name], wanted[name], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("task", TASKS)
def test_a_saved_model_answers_as_before_and_like_raw_rows(task, layout, tiny_bert, tmp_path):
    model, data = started(task, tiny_bert, **LAYOUTS[layout])
    examples = data.validation.examples()
    scores = model.scores(examples)
    if task in ROWS:
        assert scores.shape == (len(examples), model.task.outputs)
    assert len(scores) == len(examples)
    model.save(tmp_path / "saved")
    again = Model.load(tmp_path / "saved")
    np.testing.assert_allclose(
        values_of(again.scores(examples)), values_of(scores), rtol=1e-5, atol=1e-5
    )
    answers = list(again.predictions(examples))
    assert len(answers) == len(examples)
    alone = again(dict(examples[0].inputs))
    same = (
        pytest.approx(answers[0].value, rel=1e-4)
        if parts.find("tasks", task).numeric
        else answers[0].value
    )
    if task == "token_classification":  # scores of spans differ in their last digits
        same = [{**span, "score": pytest.approx(span["score"], abs=1e-4)} for span in same]
    assert alone.value == same
    assert alone.score == pytest.approx(answers[0].score, abs=1e-4)


@pytest.mark.parametrize("task", ROWS)
def test_perfect_scores_give_perfect_answers(task, tiny_bert):
    """encode, indices, score and decide agree: a network that knows the labels is always right."""
    model, data = started(task, tiny_bert)
    rows = data.validation
    labels = model.task.indices(rows.targets(), rows.ids())
    if model.task.answers is Labels:
        logits = np.eye(model.task.outputs)[labels] * 50
    elif model.task.answers is LabelSets:
        logits = (labels - 0.5) * 50
    else:
        logits = labels[:, None].astype(float)
    scores = model.task.score(logits)
    answers = [answer.value for answer in model.task.decide(scores)]
    if parts.find("tasks", task).numeric:
        assert answers == pytest.approx(rows.targets(), abs=1e-5)
    elif task == "multilabel":
        assert [sorted(a) for a in answers] == [sorted(t) for t in rows.targets()]
    else:
        assert answers == rows.targets()
    from weitiao.evaluation.evaluate import measure, metrics_of

    report = measure(model.task.to_answers(labels, scores), metrics_of(model.task))
    worst_is_best = {"mae": 0.0, "rmse": 0.0}
    for name, value in report.metrics.items():
        assert value == pytest.approx(worst_is_best.get(name, 1.0), abs=1e-5), name


@pytest.mark.parametrize("task", [task for task in TASKS if task != "question_answering"])
def test_divergence_is_nothing_for_equal_outputs_and_symmetric(task, tiny_bert):
    model, data = started(task, tiny_bert)
    feed = training_feed(model, data.train)
    batch = model.batch(feed.encoded, range(4), feed.labels)
    shape = batch.labels.shape if task not in ROWS else (4,)
    first, second = torch.randn(2, *shape, model.task.outputs)
    same = model.task.divergence(first, first, batch)
    torch.testing.assert_close(same, torch.zeros(()), atol=1e-5, rtol=0)
    one, other = (
        model.task.divergence(*pair, batch) for pair in ((first, second), (second, first))
    )
    assert one > 0
    torch.testing.assert_close(one, other)


def test_contrast_is_the_supervised_contrastive_loss():
    """Against the formula of Khosla et al. 2020 (L_out), a row without a partner left out."""
    from weitiao.training.strategies.contrast import contrast

    vectors, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 0, 2, 1, 0])
    found = contrast(vectors, labels, 0.2) / len(labels)
    torch.testing.assert_close(found, plain_contrast(vectors, labels, 0.2))
    assert contrast(vectors[:2], torch.tensor([0, 1]), 0.2) == 0


def test_contrast_joins_the_loss_of_the_task_and_reaches_the_encoder(tiny_bert):
    from weitiao.example import Output
    from weitiao.training.strategies.contrast import Contrast

    model, data = started("classification", tiny_bert)
    model.net.eval()
    labels = model.task.indices(data.train.targets(), data.train.ids())
    batch = model.batch(model.encode(data.train), range(6), labels)
    cost = model.loss()

    def inner(net, rows):
        logits = net(rows)
        return Output(cost.value(logits, rows.labels), logits)

    losses = {}
    for weight in (0.0, 0.25, 1.0):
        strategy = Contrast(weight=weight)
        strategy.start(model.net, model.task)
        losses[weight] = strategy.loss(inner)(model.net, batch).loss
    torch.testing.assert_close(losses[0.25], 0.75 * losses[0.0] + 0.25 * losses[1.0])
    losses[1.0].backward()
    word_vectors = model.net.native.get_input_embeddings().weight.grad
    assert word_vectors is not None
    assert word_vectors.abs().sum() > 0


@pytest.mark.parametrize("task", ["multilabel", "regression", "token_classification"])
def test_contrast_wants_single_labels(tiny_bert, task):
    from weitiao.training.strategies.contrast import Contrast

    model, _data = started(task, tiny_bert)
    with pytest.raises(PlanError, match=r"strategies\.contrast"):
        Contrast().start(model.net, model.task)


def test_rdrop_adds_the_kl_of_two_dropout_masks(tiny_bert):
    """Against the formula of Liang et al. 2021, with both passes known."""
    from weitiao.example import Output
    from weitiao.training.strategies.rdrop import RDrop

    model, data = started("classification", tiny_bert)
    labels = model.task.indices(data.train.targets(), data.train.ids())
    batch = model.batch(model.encode(data.train), range(5), labels)
    logits = torch.randn(10, 2)
    cost = model.loss()
    strategy = RDrop(alpha=1.5)
    strategy.start(model.net, model.task)
    found = strategy.loss(lambda net, b: Output(cost.value(logits, b.labels), logits))(None, batch)
    p, q = (half.softmax(-1) for half in logits.chunk(2))
    kl = (p * (p / q).log()).sum() / 2 + (q * (q / p).log()).sum() / 2
    each = torch.nn.functional.cross_entropy(logits, batch.labels.repeat(2), reduction="sum")
    torch.testing.assert_close(found.loss, each / 2 + 1.5 * kl)
