"""The choice among measured candidates: by goal, with its margin, and the method."""

import types
from dataclasses import replace

import numpy as np
import pytest

from weitiao.evaluation.metrics.classification import Accuracy
from weitiao.planning.candidates import Candidate, Limits, Refused, beyond
from weitiao.planning.choice import method, method_in_words, pick, with_refused
from weitiao.planning.cost import Network
from weitiao.planning.measured import Measured
from weitiao.tasks.answers.labels import Labels

ROWS = 200


def one(name, right, milliseconds=1.0, parameters=1_000_000, **more):
    gold = np.arange(ROWS) % 2
    values = np.where(np.arange(ROWS) < right, gold, 1 - gold)
    answers = Labels(gold, values, np.eye(2)[values], ("a", "b"))
    network = Network(name, 64, 2, parameters // 2, parameters, 128)
    candidate = Candidate(name, network, None, more.pop("licence", "mit"), ("en",), 0.0, True)
    score = right / ROWS
    figures = dict(neighbours=score, log_me=0.0, h_score=0.1, rows=ROWS, seconds=1.0)
    return Measured(candidate, answers, score, score - 0.05, min(score + 0.05, 1.0),
                    row_seconds=milliseconds / 1000, **figures, **more)  # fmt: skip


def picked(goal, *measured):
    return pick(measured, goal, Accuracy(), "accuracy")


def test_the_best_is_picked_where_it_can_be_told_apart():
    chosen = picked("accuracy", one("small", 150), one("large", 180, 9.0), one("decoy", 100))
    assert chosen.one.name == "large"
    assert chosen.tied == ()
    assert chosen.margin[0] == pytest.approx(0.15)
    assert chosen.margin[1] > 0


def test_of_two_that_cannot_be_told_apart_the_quicker_is_taken():
    chosen = picked("accuracy", one("small", 179), one("large", 180, 9.0))
    assert chosen.one.name == "small"
    assert [m.name for m in chosen.tied] == ["small"]
    assert "cannot be told apart from large" in chosen.reason
    assert "9.0 times less time" in chosen.reason


def test_a_smaller_one_that_is_two_points_lower_is_not_taken_for_accuracy():
    assert picked("accuracy", one("small", 176), one("large", 180, 9.0)).one.name == "large"


def test_speed_and_size_give_up_a_little_and_no_more():
    field = (one("quick", 172, 1.0, 5_000_000), one("small", 171, 3.0, 1_000_000),
             one("large", 180, 9.0, 9_000_000), one("decoy", 100, 0.1, 100_000))  # fmt: skip
    assert picked("accuracy", *field).one.name == "large"
    assert picked("speed", *field).one.name == "quick"
    assert picked("small", *field).one.name == "small"


def test_a_measured_latency_decides_on_speed():
    chosen = picked("speed", one("a", 180, 1.0, latency=0.009), one("b", 180, 2.0, latency=0.004))
    assert chosen.one.name == "b"


def test_the_only_candidate_is_picked_with_its_figures():
    chosen = picked("accuracy", one("alone", 150))
    assert chosen.margin is None
    assert "no other candidate" in chosen.evidence


def test_refused_ones_stand_in_the_evidence():
    text = with_refused("figures", [Refused("/a/folder/x", "too slow"), Refused("y", "not here")])
    assert text == "figures. Refused: x: too slow; y: not here"
    many = with_refused("figures", [Refused(str(n), "no") for n in range(9)])
    assert many.endswith("and 3 more")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(licence="permissive"), "its licence is cc-by-nc-4.0"),
        (Limits(length=512), "reads 128 tokens at most"),
        (Limits(memory=10**8), "training takes about 900 MB"),
        (Limits(latency=0.01), "one text takes 20.0 ms"),
        (Limits(), None),
        (Limits(0.1, 10**9, "cc-by-nc-4.0", 128), None),
    ],
)
def test_limits_refuse_with_the_figure(limits, words):
    candidate = one("x", 100, licence="cc-by-nc-4.0").candidate
    reason = beyond(candidate, limits, memory_mb=900, seconds=0.02)
    assert reason is None if words is None else words in reason


def sample(smallest=50):
    task = types.SimpleNamespace(answers=Labels)
    return types.SimpleNamespace(metric=Accuracy(), task=task, smallest_label=smallest)


def test_nothing_left_to_gain_trains_the_output_layer_alone():
    network = Network("x", 64, 2, 500_000, 1_000_000, 128)
    way = method(one("x", 200), sample(), Limits(), network, 1000)
    assert way == {}, "the lower end is what counts"
    sure = replace(one("x", 200), low=0.98)
    way = method(sure, sample(), Limits(), network, 1000)
    assert way["train.strategies"].value == {"freeze": {"layers": 2}}
    assert way["train.epochs"].value == 1
    assert "the output layer alone" in method_in_words(way, sample())


def test_little_memory_takes_lora():
    network = Network("x", 1024, 24, 300_000_000, 330_000_000, 512)
    way = method(one("x", 150), sample(), Limits(memory=4_000_000_000), network, 2000)
    assert way["model.adapter"].value == {"lora": {}}
    assert method(one("x", 150), sample(), Limits(memory=40_000_000_000), network, 2000) == {}


def test_small_classes_are_said():
    assert "4 rows" in method_in_words({}, sample(4))
    assert "4 rows" not in method_in_words({}, sample(40))
