"""Bootstrap intervals cover as often as they claim, and admit what they cannot know."""

import math

import numpy as np
import pytest

from weitiao import parts
from weitiao.evaluation import resampling
from weitiao.evaluation.intervals import bootstrap, difference, wilson
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers

ALL = {name: parts.build("metrics", name) for name in parts.names("metrics")}


def fitting(kind: type[Answers]) -> dict:
    return {name: metric for name, metric in ALL.items() if metric.fits(kind)}


def answers(right: np.ndarray, seed: int = 0) -> Answers:
    """Three labels; `right` says which rows are right."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, len(right))
    given = np.where(right, truth, (truth + 1) % 3)
    return Labels(truth, given, np.eye(3)[given], tuple("abc"))


def numbers(n: int, seed: int = 0) -> Answers:
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=n)
    given = truth + generator.normal(size=n)
    return Numbers(truth, given, given)


def test_accuracy_is_covered_as_often_as_claimed() -> None:
    generator = np.random.default_rng(5)
    metric, covered = {"accuracy": ALL["accuracy"]}, 0
    for simulation in range(300):
        judged = answers(generator.random(200) < 0.8)
        low, high = bootstrap(judged, metric, samples=400, seed=simulation)["accuracy"]
        covered += low <= 0.8 <= high
    assert 0.91 <= covered / 300 <= 0.98


@pytest.mark.parametrize("judged", [answers(np.arange(300) % 4 > 0), numbers(300)])
def test_every_metric_lies_inside_its_interval(judged: Answers) -> None:
    metrics = fitting(type(judged))
    for name, (low, high) in bootstrap(judged, metrics).items():
        assert low < metrics[name].value(judged) < high, name
        assert metrics[name].bounds[0] <= low
        assert high <= metrics[name].bounds[1]


def test_the_width_is_that_of_theory() -> None:
    low, high = bootstrap(answers(np.arange(1000) % 5 > 0), {"accuracy": ALL["accuracy"]})[
        "accuracy"
    ]
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.8 * 0.2 / 1000), rel=0.1)


def test_more_rows_and_a_lower_level_are_narrower() -> None:
    metric = {"pearson": ALL["pearson"]}
    widths = [
        high - low
        for low, high in (
            bootstrap(numbers(100), metric)["pearson"],
            bootstrap(numbers(100), metric, level=0.8)["pearson"],
            bootstrap(numbers(2000), metric)["pearson"],
        )
    ]
    assert widths == sorted(widths, reverse=True)


def test_the_same_seed_is_the_same_interval_however_it_is_cut_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = bootstrap(numbers(50), fitting(Numbers), seed=3)
    assert whole == bootstrap(numbers(50), fitting(Numbers), seed=3)
    assert whole != bootstrap(numbers(50), fitting(Numbers), seed=4)
    monkeypatch.setattr(resampling, "CELLS", 350)
    for name, ends in bootstrap(numbers(50), fitting(Numbers), seed=3).items():
        assert ends == pytest.approx(whole[name])


@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong_is_not_certain(right: bool) -> None:
    found = bootstrap(answers(np.full(100, right)), fitting(Labels))
    assert found["accuracy"] == found["micro_f1"] == wilson(float(right), 100)
    assert found["accuracy"][1] - found["accuracy"][0] == pytest.approx(0.037, abs=1e-3)
    assert np.isnan(found["macro_f1"]).all()


def test_constant_answers_have_a_certain_correlation() -> None:
    truth = np.arange(50.0)
    constant = Numbers(truth, np.ones(50), np.ones(50))
    assert bootstrap(constant, {"pearson": ALL["pearson"]})["pearson"] == (0, 0)


def test_very_few_rows_have_no_interval_but_a_share_has() -> None:
    found = bootstrap(answers(np.array([True, True, False])), fitting(Labels))
    assert found["accuracy"] == wilson(2 / 3, 3)
    assert np.isnan(found["mcc"]).all()


def test_too_few_defined_resamples_have_no_interval() -> None:
    truth = np.zeros(6, int)
    scores = np.tile([0.6, 0.4], (6, 1))
    judged = Labels(truth, truth, scores, ("a", "b"))
    assert np.isnan(bootstrap(judged, {"roc_auc": ALL["roc_auc"]})["roc_auc"]).all()


def test_some_undefined_resamples_are_dropped() -> None:
    truth = np.array([1] + [0] * 9)  # a resample lacks the only 1 about every third time
    scores = np.random.default_rng(0).random((10, 2))
    scores[0, 1] = 0.5
    judged = Labels(truth, scores.argmax(1), scores, ("a", "b"))
    low, high = bootstrap(judged, {"roc_auc": ALL["roc_auc"]})["roc_auc"]
    assert 0 <= low < high <= 1


def test_wilson_is_the_textbook_interval() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def pair(both: int, only_first: int, only_second: int, neither: int) -> tuple[Answers, Answers]:
    """Two sets of answers to the same rows, by how many each gets right."""
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return answers(first), answers(second)


def test_a_difference_is_paired() -> None:
    """Rows that are hard for both do not widen it: far narrower than two intervals apart."""
    one, other = pair(700, 60, 20, 220)
    metric = {"accuracy": ALL["accuracy"]}
    value, low, high = difference(one, other, metric)["accuracy"]
    assert value == pytest.approx(0.04)
    # theory: variance of a paired difference is (share of discordant rows - difference ** 2) / n
    width = 2 * 1.96 * math.sqrt((0.08 - 0.04**2) / 1000)
    assert high - low == pytest.approx(width, rel=0.1)
    assert low > 0


def test_a_difference_is_covered_as_often_as_claimed() -> None:
    generator, covered = np.random.default_rng(3), 0
    metric = {"accuracy": ALL["accuracy"]}
    for simulation in range(200):
        kinds = generator.choice(4, 300, p=[0.6, 0.2, 0.1, 0.1])
        one, other = answers(np.isin(kinds, [0, 1])), answers(np.isin(kinds, [0, 2]))
        _, low, high = difference(one, other, metric, 300, simulation)["accuracy"]
        covered += low <= 0.1 <= high
    assert 0.9 <= covered / 200 <= 0.985


def test_better_is_positive_for_errors_too() -> None:
    truth = np.arange(40.0)
    near, far = (Numbers(truth, truth + e, truth + e) for e in (0.5, 2.0))
    noisy = Numbers(truth, truth + np.arange(40) % 3, truth)
    value, low, high = difference(near, noisy, {"mae": ALL["mae"]})["mae"]
    assert low < value < high
    assert value == pytest.approx(np.mean(np.arange(40) % 3) - 0.5)
    value, low, _ = difference(near, far, {"mae": ALL["mae"]})["mae"]
    assert value == 1.5
    assert math.isnan(low), "the same in every row: the rows cannot tell how far off it is"


def test_every_row_better_is_not_certain() -> None:
    one, other = pair(0, 30, 0, 0)
    value, low, high = difference(one, other, {"accuracy": ALL["accuracy"]})["accuracy"]
    assert value == 1
    assert 0.8 < low < 0.95
    assert high == 1


def test_the_same_answers_do_not_differ() -> None:
    one, other = pair(10, 0, 0, 10)
    assert difference(one, other, {"accuracy": ALL["accuracy"]})["accuracy"] == (0, 0, 0)


@pytest.mark.parametrize("rows", range(1, 200, 7))
def test_no_right_row_and_no_wrong_row_end_exactly(rows):
    assert wilson(0.0, rows)[0] == 0.0
    assert wilson(1.0, rows)[1] == 1.0
    low, high = wilson(0.5, rows)
    assert 0 < low < 0.5 < high < 1
