"""Decisions against brute force, and what the task then answers."""

import numpy as np
import pytest
import torch

from conftest import toy_data, toy_plan
from weitiao import parts
from weitiao.api.calibrate import calibrated
from weitiao.errors import DataError, PartError
from weitiao.evaluation.baselines.of_model import fit_for
from weitiao.evaluation.evaluate import evaluate_network
from weitiao.model.model import Model

LABELS = ("ham", "spam")


def task_of(labels=LABELS, name="classification", **settings):
    return parts.build("tasks", name, {"labels": labels, **settings})


def binary(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random(rows) < 0.2).astype(int)
    spam = np.clip(rng.normal(0.25 + 0.3 * truth, 0.15), 0.001, 0.999)
    scores = np.stack([1 - spam, spam], 1)
    return task_of().to_answers(truth, scores)


def several(rows=500, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random((rows, 3)) < [0.1, 0.3, 0.5]).astype(int)
    scores = np.clip(rng.normal(0.2 + 0.3 * truth, 0.15), 0.001, 0.999)
    return task_of(("a", "b", "c"), "multilabel").to_answers(truth, scores)


def figures(judged, at=1):
    truth, given = judged.targets == at, judged.values == at
    right = (truth & given).sum()
    return right / max(given.sum(), 1), right / truth.sum()


def decided(name, settings, judged, task=None):
    task = task or task_of()
    choice = parts.build("decisions", name, settings).choose(task, judged)
    task = task.model_copy(update=dict(choice.settings))
    return choice, task, task.to_answers(judged.targets, judged.scores)


@pytest.mark.parametrize("recall", [0.5, 0.9, 1.0])
def test_at_recall_has_the_best_precision_of_all_thresholds(recall):
    judged = binary()
    choice, _, after = decided("at_recall", {"label": "spam", "recall": recall}, judged)
    precision, reached = figures(after)
    assert reached >= recall
    assert (precision, reached) == pytest.approx(
        (choice.figures["precision"], choice.figures["recall"])
    )
    for limit in np.unique(judged.scores[:, 1]):
        other = judged.scores[:, 1] >= limit
        if other[judged.targets == 1].mean() >= recall:
            assert precision >= (judged.targets[other] == 1).mean() - 1e-12


def test_at_precision_has_the_best_recall_and_says_when_it_cannot():
    judged = binary()
    _, _, after = decided("at_precision", {"label": "spam", "precision": 0.8}, judged)
    precision, recall = figures(after)
    assert precision >= 0.8
    for limit in np.unique(judged.scores[:, 1]):
        other = judged.scores[:, 1] >= limit
        if (judged.targets[other] == 1).mean() >= 0.8:
            assert recall >= other[judged.targets == 1].mean() - 1e-12
    lost = task_of().to_answers(judged.targets, judged.scores[:, ::-1])
    assert not decided("at_precision", {"label": "spam", "precision": 0.99}, lost)[0].met


def test_best_f1_of_two_labels_takes_the_rarer_and_of_several_each():
    judged = binary()
    choice, _, after = decided("best_f1", {}, judged)
    assert set(choice.settings["thresholds"]) == {"spam"}
    best = max(
        2 * ((judged.scores[:, 1] >= x) & (judged.targets == 1)).sum()
        / ((judged.scores[:, 1] >= x).sum() + judged.targets.sum())
        for x in np.unique(judged.scores[:, 1])
    )  # fmt: skip
    precision, recall = figures(after)
    assert 2 * precision * recall / (precision + recall) == pytest.approx(best)
    many = several()
    task = task_of(("a", "b", "c"), "multilabel")
    choice, _, after = decided("best_f1", {}, many, task)
    assert set(choice.settings["thresholds"]) == {"a", "b", "c"}
    assert choice.settings["thresholds"]["a"] < 0.5

    def found(one):
        return 2 * (one.targets * one.values).sum() / (one.targets.sum() + one.values.sum())

    assert found(after) > found(many)


def test_best_f1_of_many_labels_wants_a_name():
    three = task_of(("a", "b", "c")).to_answers(np.array([0, 1, 2]), np.eye(3) * 0.7 + 0.1)
    with pytest.raises(DataError, match=r"there are 3 labels; name one, e.g. \{label: a\}"):
        decided("best_f1", {}, three, task_of(("a", "b", "c")))
    with pytest.raises(DataError, match="Did you mean 'spam'"):
        decided("at_recall", {"label": "spma"}, binary())


def test_costs_take_the_answer_that_costs_least():
    judged = binary()
    matrix = {"spam": {"ham": 10}}
    choice, _, after = decided("costs", {"matrix": matrix}, judged)
    price = np.array([[0, 1], [10, 0]])
    by_hand = (judged.scores @ price).argmin(1)
    assert (after.values == by_hand).all()
    assert choice.figures["after"] == pytest.approx(price[judged.targets, after.values].mean())
    assert choice.figures["after"] < choice.figures["before"]
    with pytest.raises(PartError):
        parts.build("decisions", "costs", {"matrix": {"spam": {"ham": -1}}})


def test_abstain_answers_as_many_as_it_may():
    judged = binary()
    choice, task, after = decided("abstain", {"accuracy": 0.95}, judged)
    answered = after.confidence() >= task.abstain
    assert after.right()[answered].mean() >= 0.95
    assert answered.mean() == pytest.approx(choice.figures["coverage"])
    for limit in np.unique(after.confidence()):
        more = after.confidence() >= limit
        assert more.mean() <= answered.mean() or after.right()[more].mean() < 0.95
    given = [answer.value for answer in task.decide(judged.scores)]
    assert [value is not None for value in given] == answered.tolist()
    choice, task, after = decided("abstain", {"coverage": 0.5}, judged)
    assert (after.confidence() >= task.abstain).mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("settings", [{}, {"accuracy": 0.9, "coverage": 0.5}])
def test_abstain_wants_one_of_both(settings):
    with pytest.raises(PartError, match="either accuracy or coverage"):
        parts.build("decisions", "abstain", settings)


def test_a_label_with_a_threshold_is_given_from_there_on_and_the_others_share_the_rest():
    task = task_of(("a", "b", "c"), thresholds={"a": 0.2})
    scores = np.array([[0.25, 0.7, 0.05], [0.1, 0.3, 0.6], [0.19, 0.21, 0.6]])
    assert task.best(scores).tolist() == [0, 2, 2]
    both = task_of(("a", "b"), thresholds={"a": 0.9, "b": 0.8})
    assert both.best(np.array([[0.85, 0.15], [0.15, 0.85], [0.95, 0.05]])).tolist() == [0, 1, 0]
    assert task.without_decisions().best(scores).tolist() == [1, 2, 2]


def test_settings_that_name_an_unknown_label_are_refused():
    for settings in ({"thresholds": {"sapm": 0.3}}, {"costs": {"spam": {"eggs": 2}}}):
        with pytest.raises(DataError, match="which no row has"):
            parts.build("tasks", "classification", settings).learn(["ham", "spam"])


def test_rare_labels_share_one_threshold():
    judged = several(60)
    gold = judged.targets.sum(0)
    assert gold[0] < 20 <= gold[2]
    choice, _, _ = decided(
        "best_f1", {"fewest": 100}, judged, task_of(("a", "b", "c"), "multilabel")
    )
    (shared,) = set(choice.settings["thresholds"].values())
    given = judged.scores >= shared
    truth = judged.targets.astype(bool)
    best = max(2 * (truth & (judged.scores >= limit)).sum() / (truth.sum() + (judged.scores >= limit).sum())
               for limit in np.unique(judged.scores))  # fmt: skip
    assert 2 * (truth & given).sum() / (truth.sum() + given.sum()) == pytest.approx(best)
    for at, one in enumerate(choice.figures["labels"]):
        right = (truth[:, at] & given[:, at]).sum()
        assert one["recall"] == pytest.approx(right / truth[:, at].sum())
        assert one["precision"] == pytest.approx(right / max(given[:, at].sum(), 1))
    choice, _, _ = decided(
        "best_f1", {"fewest": 20}, judged, task_of(("a", "b", "c"), "multilabel")
    )
    own, _, _ = decided("best_f1", {}, judged, task_of(("a", "b", "c"), "multilabel"))
    thresholds = choice.settings["thresholds"]
    assert thresholds["c"] == own.settings["thresholds"]["c"]


@pytest.mark.parametrize(("settings", "tuned"), [
    ({}, True), ({"threshold": 0.3}, False), ({"thresholds": {"good": 0.2}}, False),
    ({"tune": False}, False),
])  # fmt: skip
def test_several_labels_have_their_thresholds_tuned_unless_the_plan_gives_them(
    settings, tuned, tiny_bert
):
    plan = toy_plan("multilabel", tiny_bert, **{"task.multilabel": settings})
    data = toy_data(plan, 300)
    model, told = calibrated(Model.start(plan, data.train), data.validation)
    names = [one.name for one in told.decisions or []]
    assert names == (["best_f1"] if tuned else [])
    assert (model.task.thresholds != settings.get("thresholds", {})) == tuned
    fitted = fit_for(model, data.train, data.validation)
    assert ("thresholds" in fitted["tfidf_linear"].detail) == tuned
    assert "thresholds" not in fitted["majority"].detail
    _, none = calibrated(model, data.validation, decisions={})
    assert none.decisions == []


def test_checkpoints_of_several_labels_are_judged_at_their_best_thresholds(tiny_bert):
    plan = toy_plan("multilabel", tiny_bert)
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    encoded, gold = model.encode(data.validation), model.task.gold(data.validation)
    before = evaluate_network(model, model.net, encoded, gold)
    with torch.no_grad():  # no label reaches 0.5 any more; the order of the rows is the same
        model.net.last_linear(model.task.outputs)[1].bias -= 6
    after = evaluate_network(model, model.net, encoded, gold)
    assert after.metrics["micro_f1"] == pytest.approx(before.metrics["micro_f1"], abs=0.05)
    assert after.metrics["micro_f1"] > 0.3
