"""Explanations: both layouts agree, words are found, and what is planted comes out."""

import numpy as np
import pytest

from conftest import WORDS, toy_data, toy_plan
from weitiao.data.cache.encoded import in_memory
from weitiao.errors import DataError
from weitiao.evaluation.explain import MOST_PIECES, explain, token_gradients, word_offsets
from weitiao.example import Example
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.training.run import train


@pytest.fixture(scope="module")
def learned(tiny_bert, tmp_path_factory):
    """A tiny network that knows good from bad."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(tmp_path_factory.mktemp("cache")))
        plan = toy_plan(
            "classification",
            tiny_bert,
            **{"train.epochs": 15, "train.learning_rate": 3e-3, "train.layout": "packed"},
        )
        data = toy_data(plan, 400)
        run = Run.create(tmp_path_factory.mktemp("runs"), "run", plan)
        return train(plan, data, run).model


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "nli"])
def test_every_layout_gives_the_same_gradients(family, task, tiny_checkpoints):
    found = {}
    for layout in ("padded", "packed", "fused"):
        plan = toy_plan(task, tiny_checkpoints[family], **{"train.layout": layout})
        data = toy_data(plan, 40)
        model = Model.start(plan, data.train)
        example = data.validation.examples([0])
        ids = model.task.encode(example, model.tokenizer, 32)
        batch = model.batch(in_memory([ids]), [0])
        assert batch.packed == (layout != "padded")
        found[layout] = token_gradients(model, batch, 0)
        assert len(found[layout]) == len(ids["input_ids"][0])
    assert found["padded"] == pytest.approx(found["packed"], abs=1e-5)
    assert found["fused"] == pytest.approx(found["packed"], abs=1e-5)
    assert np.abs(found["padded"]).max() > 0


def test_the_gradient_is_that_of_a_small_step(learned):
    """Gradient x input is the slope when all vectors grow: checked by a small step."""
    import torch

    example = Example({"text": "the film was good"})
    ids = learned.task.encode([example], learned.tokenizer, 32)
    batch = learned.batch(in_memory([ids]), [0])
    total = token_gradients(learned, batch, 1).sum()
    with torch.no_grad():
        vectors = learned.net.embeddings()(batch.tensors["input_ids"])
        leads = []
        for step in (-1e-3, 1e-3):
            logits = learned.net(batch.embedded(vectors * (1 + step)))[0]
            leads.append(float(logits[1] - logits[0]))
    assert (leads[1] - leads[0]) / 2e-3 == pytest.approx(total, rel=2e-2, abs=1e-3)


def test_the_word_that_decides_comes_first(learned):
    for label, word in (("good", "lovely"), ("bad", "awful")):
        found = explain(learned, Example({"text": f"the hotel food was {word} it is"}))
        assert found.prediction.value == label == found.label
        first = max(found.words, key=lambda one: one.without)
        assert first.text == word in WORDS[label]
        assert first.gradient > 0
        without = learned("the hotel food was  it is").scores[label]
        assert first.without == pytest.approx(found.score - without, abs=1e-5)
        assert sum(abs(one.gradient) for one in found.words) == pytest.approx(1)


def test_another_label_can_be_asked_about(learned):
    found = explain(learned, Example({"text": "a lovely room"}), "bad")
    assert found.label == "bad"
    assert min(found.words, key=lambda one: one.without).text == "lovely"
    with pytest.raises(DataError, match="Did you mean 'good'"):
        explain(learned, Example({"text": "a lovely room"}), "goood")
    with pytest.raises(DataError, match="no word"):
        explain(learned, Example({"text": "!?"}))


def test_chinese_is_cut_into_words_and_pairs_have_both_texts(tiny_bert):
    assert [("这家酒店很好")[a:b] for a, b in word_offsets("这家酒店很好")] == [
        "这家",
        "酒店",
        "很",
        "好",
    ]
    plan = toy_plan("nli", tiny_bert)
    data = toy_data(plan, 40)
    model = Model.start(plan, data.train)
    found = explain(model, Example({"premise": "the film", "hypothesis": "the good film"}))
    assert [(w.role, w.text) for w in found.words] == [
        ("premise", "the"), ("premise", "film"),
        ("hypothesis", "the"), ("hypothesis", "good"), ("hypothesis", "film"),
    ]  # fmt: skip
    assert all(w.gradient != 0 for w in found.words), "the same word in both texts is kept apart"


def test_long_texts_are_left_out_in_runs_and_said_to_be_cut(learned):
    text = "the film was very good " * 60
    found = explain(learned, Example({"text": text}))
    assert found.cut
    assert len(found.words) <= MOST_PIECES
    assert found.words[0].start == 0
    assert found.words[-1].end == len(text.rstrip())
    assert not explain(learned, Example({"text": "the film"})).cut


def test_numbers_and_label_sets_are_explained_too(tiny_bert):
    for task in ("regression", "multilabel"):
        plan = toy_plan(task, tiny_bert)
        data = toy_data(plan, 60)
        model = Model.start(plan, data.train)
        found = explain(model, Example({"text": "a good film"}))
        assert len(found.words) == 3
        assert (found.label == "") == (task == "regression")
        assert found.plain()["words"][1]["text"] == "good"
