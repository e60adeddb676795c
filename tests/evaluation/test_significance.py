"""The difference of two recipes, against textbook formulas and against what is known to be true."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from weitiao.evaluation.significance import (
    EXACT_ROWS,
    contrast,
    exact_interval,
    mcnemar,
    variance_components,
)
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels

NOTHING = np.zeros((8, 8))


def test_without_noise_of_rows_it_is_welchs_test() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.8, 0.01, 3), generator.normal(0.82, 0.02, 5)
    found = contrast(first, second, NOTHING, rows=10**9)
    welch = stats.ttest_ind(second, first, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert found.p_value == pytest.approx(welch.pvalue)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_run_against_one_is_the_paired_test_of_the_rows() -> None:
    generator = np.random.default_rng(1)
    right = generator.random((2, 500)) < [[0.7], [0.76]]
    gaps = right[1].astype(float) - right[0]
    found = contrast(*(right.mean(1)[:, None]), np.cov(right.astype(float)) / 500, rows=500)
    paired = stats.ttest_1samp(gaps, 0)
    assert found.value == pytest.approx(gaps.mean())
    assert found.p_value == pytest.approx(paired.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(paired.confidence_interval(0.95)))


def test_without_noise_of_rows_paired_seeds_are_the_paired_t_test() -> None:
    generator = np.random.default_rng(4)
    first = generator.normal(0.8, 0.05, 5)
    second = first + generator.normal(0.01, 0.004, 5)
    found = contrast(first, second, np.zeros((10, 10)), rows=10**9, paired=True)
    paired = stats.ttest_rel(second, first)
    assert found.p_value == pytest.approx(paired.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(paired.confidence_interval(0.95)))


def test_a_gain_that_every_paired_seed_has_is_significant() -> None:
    """By the variance over seeds, which both have in common, it is not."""
    first = np.array([0.70, 0.74, 0.78, 0.82, 0.86])
    covariance = np.full((10, 10), 1e-4) + np.eye(10) * 1e-7
    assert contrast(first, first + 0.01, covariance, rows=1000).p_value > 0.5
    assert contrast(first, first + 0.01, covariance, rows=1000, paired=True).p_value < 0.001


def test_the_rows_are_shared_by_paired_seeds() -> None:
    """Every seed gains the same rows: only other rows could show another gain."""
    gained = np.random.default_rng(6).random(500) < 0.02
    right = np.random.default_rng(5).random(500) < 0.8
    rights = np.stack([right] * 4 + [right | gained] * 4).astype(float)
    found = contrast(*np.split(rights.mean(1), 2), np.cov(rights) / 500, rows=500, paired=True)
    rows = stats.ttest_rel(rights[4], rights[0])
    assert found.p_value == pytest.approx(rows.pvalue)


def test_what_seeds_get_wrong_on_their_own_is_counted_once() -> None:
    """Seeds that are right independently of each other have no common noise of the rows."""
    right = np.random.default_rng(2).random((200, 3000)) < 0.8
    covariance = np.cov(right.astype(float)) / 3000
    spread = variance_components(right[:100].mean(1), right[100:].mean(1), covariance, 3000)
    independent = 2 * (0.8 * 0.2 / 3000) / 100
    assert spread.shared < independent / 5
    assert spread.variance == pytest.approx(independent, rel=0.3)


def test_seeds_that_agree_by_luck_are_not_believed() -> None:
    right = np.random.default_rng(3).random((6, 1000)) < 0.8
    covariance = np.cov(right.astype(float)) / 1000
    equal = np.full(3, 0.8)
    found = contrast(equal, equal + 0.005, covariance, rows=1000)
    assert found.sign == 0
    assert found.high - found.low > 0.02


def test_swapping_the_two_turns_the_sign() -> None:
    generator = np.random.default_rng(4)
    right = (generator.random((7, 400)) < 0.8).astype(float)
    scores, spread = right.mean(1), np.cov(right) / 400
    order = [*range(3, 7), *range(3)]
    there = contrast(scores[:3], scores[3:], spread, 400)
    back = contrast(scores[3:], scores[:3], spread[np.ix_(order, order)], 400)
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p_value == pytest.approx(back.p_value)


def test_so_many_rows_as_it_says_would_tell() -> None:
    generator = np.random.default_rng(5)
    right = generator.random((2, 400)) < [[0.78], [0.8]]
    scores, covariance = right.mean(1)[:, None], np.cov(right.astype(float)) / 400
    found = contrast(*scores, covariance, rows=400)
    assert found.sign == 0
    assert found.rows_needed is not None
    enough = contrast(*scores, covariance * 400 / found.rows_needed, found.rows_needed)
    fewer = int(found.rows_needed * 0.85)
    assert enough.sign == 1
    assert contrast(*scores, covariance * 400 / fewer, fewer).sign == 0


def test_where_seeds_differ_much_more_seeds_are_asked_for_and_not_rows() -> None:
    first, second = np.array([0.70, 0.80, 0.90]), np.array([0.74, 0.84, 0.94])
    found = contrast(first, second, np.eye(6) * 1e-7, rows=100_000)
    assert found.sign == 0
    assert found.rows_needed is None
    assert found.seeds_needed is not None
    assert found.seeds_needed > 10
    assert contrast(first, first, np.eye(6) * 1e-7, 1000).seeds_needed is None


def test_the_same_answers_differ_by_nothing_for_certain() -> None:
    right = (np.random.default_rng(6).random(100) < 0.5).astype(float)
    spread = np.cov([right, right]) / 100
    found = contrast(right[:1], right[:1], spread, 100)
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_a_difference_without_any_spread_is_not_certain() -> None:
    found = contrast(np.array([0.0]), np.array([1.0]), np.zeros((2, 2)), 10)
    assert math.isnan(found.low)
    assert found.sign == 0


def simulated(generator, seeds: int, rows: int, gain: float):
    """As benchmarks/recipes.py says it, with its figures."""
    hard = 1.6 * generator.normal(size=rows)
    right = np.array([
        1.75 + shift + hard + 0.35 * taste + 0.06 * generator.normal()
        + 0.75 * generator.normal(size=rows) > 0
        for shift in (0.0, gain)
        for taste in [generator.normal(size=rows) * (gain > 0)]
        for _ in range(seeds)
    ]).astype(float)  # fmt: skip
    scores = right.mean(1)
    return contrast(scores[:seeds], scores[seeds:], np.cov(right) / rows, rows)


@pytest.mark.parametrize("seeds", [3, 5])
def test_recipes_that_differ_by_the_seed_alone_are_rarely_called_different(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    called = sum(simulated(generator, seeds, 1000, 0.0).sign != 0 for _ in range(200))
    assert called <= 12


def test_two_points_are_found_with_five_seeds() -> None:
    generator = np.random.default_rng(0)
    found = sum(simulated(generator, 5, 2000, 0.16).sign > 0 for _ in range(60))
    assert found >= 42


def pair(both: int, only_first: int, only_second: int, neither: int) -> tuple[Answers, Answers]:
    counts = [both, only_first, only_second, neither]
    truth = np.zeros(sum(counts), int)
    first = np.repeat([0, 0, 1, 1], counts)
    second = np.repeat([0, 1, 0, 1], counts)
    none = np.zeros((len(truth), 0))
    return (Labels(truth, first, none, ("a", "b")),
            Labels(truth, second, none, ("a", "b")))  # fmt: skip


@given(some.integers(0, 20), some.integers(0, 25), some.integers(0, 25), some.integers(0, 20))
def test_few_rows_that_differ_are_judged_exactly(both, first, second, neither) -> None:
    if both + first + second + neither == 0:
        return
    found = mcnemar(*pair(both, first, second, neither))
    counts = (found.both, found.only_first, found.only_second, found.neither)
    assert counts == (both, first, second, neither)
    assert found.exact
    wanted = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert found.p_value == pytest.approx(wanted)
    low, high = exact_interval(found)
    assert low <= (second - first) / sum(counts) <= high
    assert (low > 0 or high < 0) == (found.p_value < 0.05) or abs(found.p_value - 0.05) < 1e-9


def test_many_are_judged_by_chi_square() -> None:
    found = mcnemar(*pair(500, 60, 90, 100))
    assert not found.exact
    assert found.differ > EXACT_ROWS
    assert found.p_value == pytest.approx(stats.chi2.sf((90 - 60) ** 2 / 150, 1))
    assert found.p_value == pytest.approx(stats.binomtest(60, 150).pvalue, rel=0.3)


def test_several_labels_are_right_as_a_set() -> None:
    truth = np.array([[1, 0], [1, 1]])
    first = LabelSets(truth, truth, truth.astype(float), ("a", "b"))
    second = LabelSets(truth, np.array([[1, 0], [1, 0]]), truth.astype(float), ("a", "b"))
    assert mcnemar(first, second).only_first == 1
