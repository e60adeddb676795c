"""Labels that are paths: found, decided, judged at each level, reported; flat where asked."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import toy_rows
from weitiao import parts
from weitiao.api.fit import fit
from weitiao.api.predict import columns_of
from weitiao.data.files.table import from_rows
from weitiao.evaluation.evaluate import level_accuracies
from weitiao.labels.hierarchy import levels_of, separator_of
from weitiao.planning.advise import Wish, advise, look
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.classification import Classification

LABELS = ("a", "a > b", "a > c", "d > b > e", "d > b > f", "d > g")
names = st.lists(st.sampled_from(LABELS), min_size=1, max_size=20)


def above(label):
    """All nodes of a path, written down naively."""
    pieces = label.split(" > ")
    return {tuple(pieces[: at + 1]) for at in range(len(pieces))}


@given(st.data())
def test_hierarchical_f1_is_that_of_sets(data):
    truth = data.draw(names)
    given_ = [data.draw(st.sampled_from(LABELS)) for _ in truth]
    weights = np.array([[data.draw(st.integers(1, 3)) for _ in truth]], float)
    places = {label: at for at, label in enumerate(LABELS)}
    judged = Labels(np.array([places[t] for t in truth]),
                    np.array([places[t] for t in given_]), None, LABELS, separator=">")  # fmt: skip
    metric = parts.build("metrics", "hierarchical_f1")
    both = [len(above(t) & above(v)) for t, v in zip(truth, given_, strict=True)]
    sizes = [len(above(t)) + len(above(v)) for t, v in zip(truth, given_, strict=True)]
    assert metric.value(judged) == pytest.approx(2 * sum(both) / sum(sizes))
    wanted = 2 * (weights @ both) / (weights @ sizes)
    assert metric.values(judged, weights) == pytest.approx(wanted)


def test_of_flat_labels_it_is_the_accuracy():
    judged = Labels(np.array([0, 1, 1]), np.array([0, 1, 0]), None, ("x", "y"))
    assert parts.build("metrics", "hierarchical_f1").value(judged) == pytest.approx(2 / 3)


def test_the_probability_of_a_parent_is_the_sum_of_its_children():
    task = Classification(labels=LABELS, separator=">")
    scores = np.array([[0.05, 0.3, 0.05, 0.2, 0.2, 0.2]])
    (answer,) = task.decide(scores)
    assert answer.value == "a > b"
    names, sure = zip(*answer.levels, strict=True)
    assert names == ("a", "a > b", "a > b")
    assert sure == pytest.approx((0.4, 0.3, 0.3))
    assert list(columns_of(answer))[:4] == ["prediction", "score", "level_1", "score_level_1"]
    for level in levels_of(LABELS, ">"):
        assert level.sums(scores).sum() == pytest.approx(1)


def test_from_the_top_down_the_likeliest_parent_decides():
    scores = np.array([[0.05, 0.3, 0.05, 0.2, 0.2, 0.2]])  # d has 0.6, and in it d > b 0.4
    task = Classification(labels=LABELS, separator=">", top_down=True)
    assert [one.value for one in task.decide(scores)] == ["d > b > e"]
    assert LABELS[task.to_answers(np.array([0]), scores).values[0]] == "d > b > e"


def test_the_accuracy_of_each_level():
    truth, answers = np.array([1, 1, 3, 5]), np.array([1, 2, 4, 3])
    judged = Labels(truth, answers, np.eye(6)[answers], LABELS, separator=">")
    found = level_accuracies(judged, 50)
    assert [one["accuracy"] for one in found] == [1.0, 0.5, 0.25]
    assert [one["nodes"] for one in found] == [2, 5, 6]
    assert all(one["low"] <= one["accuracy"] <= one["high"] for one in found)
    assert level_accuracies(Labels(truth, answers, None, LABELS), 50) == []


@pytest.mark.parametrize(
    ("labels", "separator"),
    [
        (["体育／足球", "体育／篮球", "财经／股票", "财经／基金"], "／"),
        (["a > b", "a > c", "d > b", "d > e"], ">"),
        (["x::1", "x::2", "y::1", "y::2"], "::"),
        (["and/or", "yes/no", "up/down", "in/out"], ""),  # no parent repeats
        (["a/b", "a/c", "a/d", "a/e"], ""),  # one parent alone says nothing
        (["a/b", "a/c", "d", "e", "f"], ""),
    ],
)
def test_paths_are_found_by_their_labels(labels, separator):
    assert separator_of(labels) == separator


def rows():
    found = toy_rows("classification", 160)
    for at, row in enumerate(found):
        row["label"] = f"{row['label']}/{['long', 'short'][len(row['text']) < 22]}"
        row["n"] = at
    return found


def test_a_plan_speaks_of_levels_and_can_be_told_not_to(tiny_bert):
    profile, _ = look(Wish(path="memory"), from_rows(rows()))
    assert profile.separator == "/"
    assert "4 under 2" in profile.reasons["task"]
    wish = Wish(path="memory", model=tiny_bert)
    plan = advise(wish, from_rows(rows())).plan
    assert plan.task == {"classification": {"separator": "/"}}
    flat = Wish(path="memory", model=tiny_bert, changes={"task.classification.separator": ""})
    assert advise(flat, from_rows(rows())).plan.task == {"classification": {"separator": ""}}


def test_a_run_shows_its_levels(tiny_bert, tmp_path):
    changes = {
        "model.max_length": 32, "train.epochs": 2, "train.precision": "fp32",
        "evaluate.baselines": False, "evaluate.findings": False, "evaluate.bootstrap_samples": 50,
    }  # fmt: skip
    fitted = fit(rows(), model=tiny_bert, changes=changes, out=tmp_path)
    metrics = json.loads((fitted.run.folder / "metrics.json").read_text(encoding="utf-8"))
    assert [one["level"] for one in metrics["levels"]] == [1, 2]
    assert metrics["levels"][1]["accuracy"] == pytest.approx(metrics["metrics"]["accuracy"])
    assert metrics["metrics"]["hierarchical_f1"] >= metrics["metrics"]["accuracy"]
    assert "Each level of the labels" in fitted.page.read_text(encoding="utf-8")
    answer = fitted("the film was good")
    assert answer.levels[-1][0] == answer.value
