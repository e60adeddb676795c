"""The frozen encoder: its features are the network's own, it learns, and it knows its time."""

import numpy as np
import pytest

from conftest import WORDS, toy_data, toy_plan
from weitiao.evaluation.evaluate import texts_of
from weitiao.evaluation.frozen_encoder import Encoder, fit_frozen
from weitiao.model.model import Model


def made(task, tiny_bert, count=300, **options):
    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan, count)
    model = Model.start(plan, data.train)
    texts = [texts_of(model, rows) for rows in (data.train, data.validation)]
    labels = [model.task.indices(r.targets(), r.ids()) for r in (data.train, data.validation)]
    if task == "regression":
        labels = [np.asarray(model.task.score(one)) for one in labels]
    found = fit_frozen(model, model.task.problem_type, texts[0], labels[0], texts[1], labels[1],
                       model.task.outputs, len(labels[1]), **options)  # fmt: skip
    return model, found, texts[1], labels[1]


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "nli"])
def test_it_answers_every_kind_of_task(task, tiny_bert):
    model, baseline, texts, labels = made(task, tiny_bert)
    scores = baseline.score(texts)
    assert scores.shape == (len(labels), model.task.outputs)
    assert np.isfinite(scores).all()
    if task in ("classification", "nli"):
        assert scores.sum(1) == pytest.approx(np.ones(len(labels)))
    assert baseline.detail["features"].startswith("mean of the token vectors")


def test_one_word_is_known_again(tiny_bert):
    """Vectors of single words tell them apart, so all rows must come out right."""
    plan = toy_plan("classification", tiny_bert)
    model = Model.start(plan, toy_data(plan, 40).train)
    words = [WORDS["bad"], WORDS["good"]]
    texts = [[word for label in words for word in label] * 10]
    labels = np.array([at for at, label in enumerate(words) for _ in label] * 10)
    found = fit_frozen(model, "single_label_classification", texts, labels, texts, labels, 2, 10)
    assert (found.score(texts).argmax(1) == labels).all()
    numbers = labels * 20.0 - 10
    found = fit_frozen(model, "regression", texts, numbers, texts, numbers, 1, 10)
    assert np.corrcoef(found.score(texts)[:, 0], numbers)[0, 1] > 0.9


def test_features_are_the_mean_of_the_pre_trained_vectors(tiny_bert):
    import torch
    from transformers import AutoModel, AutoTokenizer

    plan = toy_plan("classification", tiny_bert)
    model = Model.start(plan, toy_data(plan, 40).train)
    tokenizer, net = AutoTokenizer.from_pretrained(tiny_bert), AutoModel.from_pretrained(tiny_bert)
    texts = ["good film", "the food was bad and the room very cold", "好"]
    found = Encoder(model).features([texts])
    for at, text in enumerate(texts):
        with torch.no_grad():
            hidden = net(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert found[at] == pytest.approx(hidden.mean(0).numpy(), abs=1e-5)


def test_without_time_it_is_left_out_and_says_so(tiny_bert):
    _, told, _, _ = made("classification", tiny_bert, seconds=1e-6)
    assert isinstance(told, str)
    assert "left out: the budget is used up" in told  # not "longer than 0 s"
    _, found, _, _ = made("classification", tiny_bert, seconds=60.0)
    assert found.name == "frozen_linear"


def test_it_never_learns_from_fewer_rows_for_lack_of_time(tiny_bert, monkeypatch):
    """Either all rows (or the cap, which the detail names), or left out."""
    module = "weitiao.evaluation.frozen_encoder"
    monkeypatch.setattr(f"{module}.TRAIN_ROWS", 60)
    monkeypatch.setattr(f"{module}.VALIDATION_ROWS", 10)
    _, capped, _, labels = made("classification", tiny_bert, seconds=60.0)
    assert (capped.detail["train_rows"], capped.detail["all_rows"]) == (60, 210)
    needed = 60 + 10 + len(labels)
    monkeypatch.setattr(f"{module}._affordable", lambda *_arguments: needed)
    assert made("classification", tiny_bert, seconds=60.0)[1].detail["train_rows"] == 60
    monkeypatch.setattr(f"{module}._affordable", lambda *_arguments: needed - 1)
    assert "left out" in made("classification", tiny_bert, seconds=60.0)[1]
