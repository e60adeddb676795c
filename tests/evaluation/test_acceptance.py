"""Criteria: figures by hand, pass and fail, and what is refused before training."""

import numpy as np
import pytest

from conftest import toy_data, toy_plan
from weitiao import parts
from weitiao.errors import PlanError
from weitiao.evaluation.acceptance import LabelScore, accepted, known_criteria, latency
from weitiao.evaluation.evaluate import evaluate
from weitiao.evaluation.intervals import wilson
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.planning.check import check
from weitiao.tasks.answers.labels import Labels

JUDGED = Labels(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 1]),
                np.eye(3)[[0, 0, 1, 1, 2, 1]], ("a", "b", "c"))  # fmt: skip


def plan_with(tiny_bert, task="classification", **acceptance):
    return toy_plan(task, tiny_bert, acceptance=acceptance)


@pytest.mark.parametrize(
    ("name", "value"), [("precision", 1 / 3), ("recall", 1 / 2), ("f1", 2 * 1 / (3 + 2))]
)
def test_figures_of_a_label_by_hand(name, value):
    metric = LabelScore(name=name, at=1)
    assert metric.value(JUDGED) == pytest.approx(value)
    twice = metric.values(JUDGED, np.array([[2.0] * 6, [0, 0, 0, 1, 0, 0]]))
    assert twice == pytest.approx([value, 1.0])


def judged(tiny_bert, **acceptance):
    plan = plan_with(tiny_bert, **acceptance)
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    report, answers = evaluate(model, data.validation)
    return model, report, answers, accepted(model, report, answers)


def test_each_criterion_is_judged_on_its_figure(tiny_bert):
    _, report, answers, found = judged(
        tiny_bert,
        recall=[{"label": "good", "at_least": 0.0}, {"label": "bad", "at_least": 1.01}],
        accuracy={"at_least": 0.01},
        latency={"at_most": 60},
        ece={"at_most": 1},
        f1={"label": "good", "at_most": -0.5},
    )
    by_name = {(one.name, one.label): one for one in found}
    true = answers.answers.targets == 1
    recall = by_name["recall", "good"]
    assert recall.value == pytest.approx((answers.answers.values[true] == 1).mean())
    assert (recall.low, recall.high) == wilson(recall.value, int(true.sum()))
    assert by_name["accuracy", ""].value == report.metrics["accuracy"]
    assert {key for key, one in by_name.items() if not one.passed} == {
        ("recall", "bad"),
        ("f1", "good"),
    }


def test_the_lower_bound_must_hold_if_asked_for(tiny_bert):
    _, report, _, found = judged(tiny_bert, accuracy={"at_least": 0.0001, "lower_bound": True})
    assert found[0].passed == (report.intervals["accuracy"][0] >= 0.0001)
    middle = sum(report.intervals["accuracy"]) / 2
    limit = (report.intervals["accuracy"][0] + middle) / 2
    _, _, _, found = judged(
        tiny_bert, accuracy=[{"at_least": limit}, {"at_least": limit, "lower_bound": True}]
    )
    assert [one.passed for one in found] == [found[0].value >= limit, False]


def test_a_metric_that_the_plan_does_not_show_can_be_wanted(tiny_bert):
    plan = plan_with(tiny_bert, mcc={"at_least": -1.1}).with_({"evaluate.metrics": ["accuracy"]})
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    report, answers = evaluate(model, data.validation)
    (found,) = accepted(model, report, answers)
    assert found.passed
    assert found.value == parts.build("metrics", "mcc").value(answers.answers)


def test_latency_is_some_time(tiny_bert):
    model, _, answers, _ = judged(tiny_bert)
    assert 0 < latency(model, answers) < 5


@pytest.mark.parametrize(
    ("acceptance", "told"),
    [
        ({"recal": {"label": "good", "at_least": 0.9}}, "Did you mean 'recall'"),
        ({"recall": {"at_least": 0.9}}, "name the label"),
        ({"accuracy": {"label": "good", "at_least": 0.9}}, "not about one label"),
        ({"accuracy": {}}, "either at_least or at_most"),
        ({"accuracy": {"at_least": 0.5, "at_most": 0.9}}, "either at_least or at_most"),
        ({"accuracy": 0.9}, "not a mapping"),
        ({"accuracy": []}, "at least 1"),
        ({"latency": {"at_most": 1, "lower_bound": True}}, "no interval"),
        ({"accuracy": {"atleast": 0.9}}, "no such setting"),
    ],
)
def test_a_wrong_criterion_is_told_with_the_plan(acceptance, told, tiny_bert):
    raw = toy_plan("classification", tiny_bert).model_dump()
    with pytest.raises(PlanError, match=told):
        Plan.parse({**raw, "acceptance": acceptance})


def test_a_label_may_be_a_number_and_a_plan_survives_its_file(tiny_bert, tmp_path):
    raw = toy_plan("classification", tiny_bert).model_dump()
    plan = Plan.parse({**raw, "acceptance": {"recall": {"label": 1, "at_least": 0.5},
                                             "ece": [{"at_most": 0.1}, {"at_least": 0}]}})  # fmt: skip
    assert plan.acceptance["recall"][0].label == "1"
    plan.save(tmp_path / "plan.yaml")
    assert Plan.load(tmp_path / "plan.yaml") == plan


def test_labels_and_tasks_that_do_not_fit_are_told_before_training(tiny_bert):
    plan = plan_with(tiny_bert, recall={"label": "godo", "at_least": 0.9})
    task = parts.build("tasks", "classification", {"labels": ["bad", "good"]})
    with pytest.raises(PlanError, match="no row has the label 'godo'. Did you mean 'good'"):
        known_criteria(plan.acceptance, task)
    with pytest.raises(PlanError, match="ece does not fit regression"):
        check(plan_with(tiny_bert, "regression", ece={"at_most": 1}))
    with pytest.raises(PlanError, match="decisions: best_f1 does not fit regression"):
        check(toy_plan("regression", tiny_bert, **{"evaluate.decisions": "best_f1"}))
    check(plan_with(tiny_bert, "regression", mae={"at_most": 3}, latency={"at_most": 1}))
