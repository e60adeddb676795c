"""Retrieval: the loss, hard negatives, batches that do not fit into memory, ranks, saved folders."""

import random

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from conftest import sentence
from weitiao.core.ragged import flat
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.losses.contrastive import Contrastive
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.tasks.retrieval import PART, PASSAGE, Retrieval, ranked
from weitiao.training.loop import Length, fit
from weitiao.training.negatives import with_hard_negatives
from weitiao.training.run import training_feed


def pairs(count=60, seed=0):
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        text = sentence(rng.choice(["good", "bad"]), rng)
        rows.append({"question": f"{text} {number}", "passage": f"{text} {number % 20} today"})
    return rows


def plan_for(checkpoint, settings=None, **changes):
    plan = Plan.parse({
        "task": {"retrieval": settings or {}},
        "data": {"path": "toy", "roles": {"text": "question", "target": "passage"},
                 "validation_size": 0.2},
        "model": {"checkpoint": checkpoint, "max_length": 16, "dropout": 0.0},
        "train": {"epochs": 2, "batch_size": 12, "learning_rate": 1e-3, "evaluations": 1,
                  "precision": "fp32", "micro_batch_tokens": 100_000, "refit": "never"},
        "evaluate": {"bootstrap_samples": 20},
    })  # fmt: skip
    return plan.with_(changes)


def started(checkpoint, settings=None, **changes):
    plan = plan_for(checkpoint, settings, **changes)
    data = load(plan.data, plan.task_name, from_rows(pairs()))
    return Model.start(plan, data.train, data.validation), data


def test_the_loss_is_cross_entropy_among_the_passages_of_a_batch():
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(6, 8), dim=1)
    none = [-1, -1, -1]
    labels = torch.tensor([[0, 0, *none], [1, 1, *none], [0, 2, *none]])
    questions, passages = vectors[0::2], vectors[1::2]
    similar = questions @ passages.T / 0.05
    similar[0, 2] = similar[2, 0] = -torch.inf  # the same passage is no negative
    wanted = torch.nn.functional.cross_entropy(similar, torch.arange(3), reduction="sum")
    found = Contrastive().value(vectors, labels)
    torch.testing.assert_close(found, wanted)


def test_other_right_passages_of_a_question_are_no_negatives():
    """Rows 0 and 1 ask the same; row 2's hard negative is right for what they ask."""
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(7, 8), dim=1)
    none = [-1, -1, -1]
    labels = torch.tensor([[0, 0, *none], [1, 0, *none], [2, 1, 9, 3, 0]])
    similar = vectors[0:6:2] @ torch.cat([vectors[1:6:2], vectors[6:]]).T / 0.05
    similar[0, 1] = similar[1, 0] = similar[0, 3] = similar[1, 3] = -torch.inf
    wanted = torch.nn.functional.cross_entropy(similar, torch.arange(3), reduction="sum")
    torch.testing.assert_close(Contrastive().value(vectors, labels), wanted)


def test_hard_negatives_are_near_and_wrong(tiny_bert):
    model, data = started(tiny_bert)
    feed = with_hard_negatives(model, training_feed(model, data.train))
    labels = feed.labels
    chosen = labels[:, 2] >= 0
    assert chosen.any()
    assert (labels[chosen, :2] != labels[chosen, 3:]).all()
    assert (labels[labels[chosen, 2], :2] == labels[chosen, 3:]).all()
    vectors = model.logits(feed.encoded)
    width = vectors.shape[1] // 2
    similar = vectors[:, :width] @ vectors[:, width:].T
    for row in np.flatnonzero(chosen):
        allowed = (labels[:, 0] != labels[row, 0]) & (similar[row] <= 0.95 * similar[row, row])
        assert similar[row, labels[row, 2]] == pytest.approx(similar[row][allowed].max(), abs=1e-5)


def test_a_batch_holds_questions_passages_and_hard_negatives_in_order(tiny_bert):
    model, data = started(tiny_bert)
    feed = with_hard_negatives(model, training_feed(model, data.train))
    rows = np.flatnonzero(feed.labels[:, 2] >= 0)[:3]
    model.net.eval()
    batch = model.batch(feed.encoded, rows, feed.labels)
    vectors = model.net(batch)
    assert len(vectors) == 2 * 3 + 3
    alone = torch.from_numpy(model.logits(feed.encoded))
    width = alone.shape[1] // 2
    torch.testing.assert_close(vectors[0:6:2], alone[rows, :width], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(vectors[1:6:2], alone[rows, width:], rtol=1e-4, atol=1e-5)
    negatives = alone[feed.labels[rows, 2], width:]
    torch.testing.assert_close(vectors[6:], negatives, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_gradients_do_not_depend_on_how_a_batch_is_cut(layout, tiny_bert):
    """GradCache: all passages of the update are negatives, whatever fits into memory at once."""
    weights = {}
    for tokens in (100_000, 40):
        # Not AdamW: a gradient that is zero but for rounding becomes a whole step there.
        changes = {"train.micro_batch_tokens": tokens, "train.layout": layout,
                   "train.optimizer": {"sgd": {}}, "train.learning_rate": 0.05}  # fmt: skip
        model, data = started(tiny_bert, **changes)
        feed = with_hard_negatives(model, training_feed(model, data.train))
        for _ in fit(model, feed, Length(3, 6), Accelerator(cpu=True)):
            pass
        weights[tokens] = {n: p.detach().clone() for n, p in model.net.named_parameters()}
    for name, value in weights[40].items():
        torch.testing.assert_close(value, weights[100_000][name], rtol=1e-4, atol=2e-5)


def test_ranks_leave_out_other_right_passages_of_a_question():
    gold = np.empty(4, object)
    gold[:] = [("a", "p1"), ("a", "p2"), ("b", "p3"), ("c", "p1")]
    similar = np.array([[0.9, 0.8, 0.1, 0.9], [0.9, 0.8, 0.1, 0.9],
                        [0.5, 0.6, 0.4, 0.5], [0.2, 0.2, 0.2, 0.2]])  # fmt: skip
    ranks, best, first = ranked(gold, lambda part: similar[part])
    assert ranks.tolist() == [1, 1, 3, 2]  # of three equal ones the middle
    assert best.tolist() == [0, 1, 1, 0]
    assert first.tolist() == pytest.approx([0.9, 0.8, 0.6, 0.2])


def test_the_saved_folder_is_one_of_sentence_transformers(tiny_bert, tmp_path):
    library = pytest.importorskip("sentence_transformers")
    settings = {"query_prefix": "good ", "passage_prefix": "bad "}
    model, data = started(tiny_bert, settings)
    model.save(tmp_path / "saved")
    encoder = library.SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    texts = [str(one.inputs["text"]) for one in data.validation.examples()][:5]
    ours = np.array(model.predict(texts))
    theirs = encoder.encode(texts, prompt_name="query")
    assert (ours * theirs).sum(1) == pytest.approx(np.ones(len(texts)), abs=1e-4)
    again = Model.load(tmp_path / "saved")
    np.testing.assert_allclose(np.array(again.predict(texts)), ours, rtol=1e-4, atol=1e-5)


def test_a_row_without_a_passage_has_a_question_vector(tiny_bert):
    model, _data = started(tiny_bert)
    assert isinstance(model.task, Retrieval)
    (vector,) = model.predict(["good film"])
    assert len(vector) == model.task.width
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_tokens_of_passages_end_where_max_length_says(tiny_bert):
    model, data = started(tiny_bert, **{"model.max_length": 8})
    encoded = training_feed(model, data.train).encoded
    for row in range(len(encoded)):
        parts = np.asarray(encoded.values[PART])[flat(encoded.offsets, np.array([row]))]
        assert (parts == PASSAGE).sum() <= 8
