"""Vectors in front of texts under every kind of head: heads and losses see the text alone."""

import numpy as np
import pytest
import torch

import tiny_networks as tiny
from conftest import toy_data, toy_plan
from weitiao.model import adapted as runtime
from weitiao.model.model import Model
from weitiao.planning.check import check
from weitiao.training.run import training_feed

COSINE = {"task": {"similarity": {"way": "cosine"}}}
TASKS = {
    "pooled": ("classification", {"model.head": {"pooled": {"pooling": "last"}}}),
    "mean": ("classification", {"model.head": "mean"}),
    "multi_layer": ("multilabel", {"model.head": {"multi_layer": {"pooling": "max"}}}),
    "multi_sample_dropout": ("regression", {"model.head": "multi_sample_dropout"}),
    "weighted_layers": ("nli", {"model.head": {"weighted_layers": {"pooling": "attention"}}}),
    "cosine": ("similarity", COSINE),
    "tags": ("token_classification", {}),
    "crf": ("token_classification", {"model.head": "crf"}),
    "passages": ("question_answering", {}),
}


@pytest.mark.parametrize("adapter", ["lora", "prefix_tuning", "prompt_tuning"])
@pytest.mark.parametrize(("head", "kind"), [("sequence", "SEQ_CLS"), ("tokens", "TOKEN_CLS"),
                                            ("spans", "QUESTION_ANS")])  # fmt: skip
def test_the_adapter_says_for_which_kind_of_model_it_is(adapter, head, kind):
    pytest.importorskip("peft")
    found = runtime.inject({adapter: {}}, tiny.network("bert", head=head), "a checkpoint")
    assert found.config["task_type"] == kind


@pytest.mark.parametrize("adapter", ["prefix_tuning", "prompt_tuning"])
@pytest.mark.parametrize("name", TASKS)
def test_they_learn_and_answer_under_every_head(name, adapter, tiny_bert, tmp_path):
    task, changes = TASKS[name]
    own = {"model.adapter": {adapter: {"num_virtual_tokens": 3}}, "model.dropout": 0.0}
    plan = toy_plan(task, tiny_bert).with_({**changes, **own})
    check(plan)
    data = toy_data(plan, 24)
    model = Model.start(plan, data.train, data.validation)
    feed = training_feed(model, data.train)
    batch = model.batch(feed.encoded, [0, 1, 2], feed.labels)
    output = model.task.loss(model.net, batch, model.loss())
    output.loss.backward()
    assert model.net.native.prompt.grad.norm() > 0
    examples = data.validation.examples()
    together = flat(model.scores(examples))
    alone = np.concatenate([flat(model.scores([one])) for one in examples])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        model.net.native.prompt.add_(1.0)
    moved = flat(model.scores(examples))
    assert len(moved) != len(together) or np.abs(moved - together).max() > 0
    model.save(tmp_path / "saved")
    again = flat(Model.load(tmp_path / "saved").scores(examples))
    np.testing.assert_allclose(again, moved, rtol=1e-4, atol=1e-5)


def flat(scores):
    """Numbers of whatever answers a task gives."""
    values = getattr(scores, "values", scores)
    return np.asarray(values, np.float64).reshape(-1)
