"""Calibration: the error by hand, the true temperature, and the saved folder's own scores."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from conftest import toy_data, toy_plan
from weitiao.api import calibrate as api
from weitiao.api.calibrate import calibrated
from weitiao.evaluation.calibration import (
    coverage,
    ece,
    fold,
    quality,
    refusal_of,
    reliability,
    temperature,
)
from weitiao.model.model import Model
from weitiao.reporting.calibration import decisions_in_words
from weitiao.results.records import Calibration
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels


def sampled(kind, truth, rows=4000, labels=4, seed=0):
    """Logits, and labels drawn from what the logits divided by `truth` say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (rows, labels)).astype(np.float32)
    if kind is LabelSets:
        return logits, (rng.random((rows, labels)) < expit(logits / truth)).astype(np.float32)
    chances = softmax(logits / truth, axis=1).cumsum(1)
    return logits, (rng.random((rows, 1)) > chances).sum(1).clip(0, labels - 1)


def judged_of(kind, logits, labels):
    if kind is LabelSets:
        scores = expit(logits)
        return kind(labels.astype(int), (scores > 0.5).astype(int), scores, tuple("abcd"))
    scores = softmax(logits, axis=1)
    return kind(labels, scores.argmax(1), scores, tuple("abcd"))


def test_the_error_by_hand():
    sure = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, False])
    assert ece(sure, right, 10) == pytest.approx((4 * 0.2 + 2 * 0.05) / 6)
    top = reliability(sure, right)[-1]
    assert (top.rows, top.accuracy) == (4, 0.75)
    assert ece(np.array([1.0, 0.0]), np.array([True, False])) == 0


@pytest.mark.parametrize("kind", [Labels, LabelSets])
@pytest.mark.parametrize("truth", [0.6, 1.0, 2.5])
def test_the_true_temperature_is_found_and_the_error_falls(kind, truth):
    logits, labels = sampled(kind, truth)
    found = temperature(kind, logits, labels)
    assert found == pytest.approx(truth, rel=0.1)
    judged = judged_of(kind, logits, labels)
    before, after = quality(judged), quality(judged.tempered(1 / found))
    assert after.nll <= before.nll + 1e-9
    assert after.ece < 0.03
    if truth != 1:
        assert after.ece < before.ece
        assert after.brier < before.brier


def test_rows_that_are_all_right_do_not_make_it_infinitely_sure():
    logits = np.eye(3, dtype=np.float32)[np.arange(60) % 3]
    found = temperature(Labels, logits, np.arange(60) % 3)
    scores = softmax(logits / found, axis=1).max()
    assert 0.95 < scores < 0.999


@pytest.mark.parametrize("kind", [Labels, LabelSets])
def test_tempering_is_undone_by_its_inverse(kind):
    logits, labels = sampled(kind, 1.0, 200)
    judged = judged_of(kind, logits, labels)
    there = judged.tempered(0.4)
    assert there.tempered(2.5).scores == pytest.approx(judged.scores, abs=1e-6)
    assert (judged.claims()[1] == there.claims()[1]).all()


def test_answering_less_ends_with_every_row():
    rng = np.random.default_rng(1)
    sure = rng.random(300)
    right = rng.random(300) < sure
    curve = coverage(sure, right)
    assert curve[-1]["coverage"] == 1
    assert curve[-1]["right"] == pytest.approx(right.mean())
    assert curve[3]["right"] > curve[-1]["right"]
    assert [one["score"] for one in curve] == sorted((one["score"] for one in curve), reverse=True)


@pytest.mark.parametrize("task", ["classification", "multilabel", "nli"])
def test_the_pipeline_of_transformers_gives_the_calibrated_scores(task, tiny_bert, tmp_path):
    from transformers import pipeline

    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    rows = data.validation
    logits = model.logits(model.encode(rows))
    fold(model, 2.5)
    model.save(tmp_path)
    pipe = pipeline("text-classification", model=str(tmp_path), truncation=True, top_k=None)
    expected = model.task.score(logits / 2.5)
    texts = model.task.texts(rows.examples())
    for at, row in enumerate(zip(*texts, strict=True)):
        asked = {"text": row[0], "text_pair": row[1]} if len(row) == 2 else row[0]
        told = pipe(asked)
        told = told[0] if isinstance(told[0], list) else told
        scores = {item["label"]: item["score"] for item in told}
        assert [scores[label] for label in model.task.choices] == pytest.approx(
            expected[at].tolist(), abs=1e-5
        )
    assert Model.load(tmp_path).scores(rows.examples()) == pytest.approx(expected, abs=1e-5)


def test_numbers_and_a_plan_without_it_are_left_alone(tiny_bert):
    for task, changes in (("regression", {}), ("classification", {"evaluate.calibration": False})):
        plan = toy_plan(task, tiny_bert, **changes)
        data = toy_data(plan)
        model = Model.start(plan, data.train)
        before = model.net.last_linear(model.task.outputs)[1].weight.clone()
        again, told = calibrated(model, data.validation)
        assert not told
        assert again is model
        assert (again.net.last_linear(model.task.outputs)[1].weight == before).all()


def test_too_few_rows_of_validation_fit_no_temperature(tiny_bert):
    plan = toy_plan("classification", tiny_bert)
    data = toy_data(plan, 60)
    _, told = calibrated(Model.start(plan, data.train), data.validation)
    assert told.rows < 30
    assert told.temperature is None


@pytest.mark.parametrize("kind", [Labels, LabelSets])
@pytest.mark.parametrize("truth", [1.0, 2.5])
def test_a_gain_in_both_beyond_chance_is_clear_and_noise_is_not(kind, truth):
    logits, labels = sampled(kind, truth, 300)
    found = temperature(kind, logits, labels)
    before = judged_of(kind, logits, labels)
    refused = refusal_of(found, 300, before, before.tempered(1 / found))
    if truth == 1.0:
        assert refused["reason"] == "chance"
        assert not all(refused[name]["low"] > 0 for name in ("nll", "ece"))
    else:
        assert refused == {}


def test_a_temperature_at_a_bound_is_refused():
    logits = np.random.default_rng(0).normal(0, 1, (200, 3)).astype(np.float32)
    labels = np.random.default_rng(1).integers(0, 3, 200)  # says nothing: the flatter the better
    found = temperature(Labels, 50 * logits, labels)
    before = judged_of(Labels, 50 * logits, labels)
    assert refusal_of(found, 200, before, before.tempered(1 / found))["reason"] == "bound"


def test_what_does_not_gain_is_not_folded_in_and_an_earlier_temperature_goes(
    tiny_bert, monkeypatch
):
    plan = toy_plan("classification", tiny_bert)
    data = toy_data(plan, 300)
    model = Model.start(plan, data.train)
    before = model.net.last_linear(model.task.outputs)[1].weight.clone()
    refused = {"temperature": 3.0, "rows": 60, "reason": "chance"} | {
        name: {"value": 0.01, "low": -0.01, "high": 0.02} for name in ("nll", "ece")
    }
    monkeypatch.setattr(api, "refusal_of", lambda *_: refused)
    again, told = calibrated(model, data.validation)
    assert told.temperature is None
    assert (again.net.last_linear(model.task.outputs)[1].weight == before).all()
    (sentence,) = decisions_in_words(told)
    assert "not both beyond chance" in sentence
    assert "0.010 (95% CI -0.010 to 0.020)" in sentence
    fold(model, 2.0)
    again, told = calibrated(model, data.validation, 2.0)
    weight = again.net.last_linear(model.task.outputs)[1].weight
    assert np.allclose(weight.detach(), before.detach())


ISOLATES = dict.fromkeys(map(ord, "\u2068\u2069"))  # around names, against mixed directions


def test_labels_that_share_a_threshold_are_told_in_one_sentence():
    labels = [
        {"label": name, "threshold": score, "precision": 0.5, "recall": 0.5}
        for name, score in (("a", 0.4), ("b", 0.7), ("c", 0.4), ("d", 0.4))
    ]
    told = Calibration.model_validate({"decisions": [{"name": "best_f1", "labels": labels}]})
    one, all_others = (text.translate(ISOLATES) for text in decisions_in_words(told))
    assert one.startswith("b is predicted from a confidence of 0.700")
    assert all_others == "3 labels are predicted from a confidence of 0.400 on (best_f1): a, c, d."
