"""McNemar's test, against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from weitiao.evaluation.mcnemar import EXACT, exact_interval, mcnemar
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels


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
    assert found.chance == pytest.approx(wanted)
    low, high = exact_interval(found)
    assert low <= (second - first) / sum(counts) <= high
    assert (low > 0 or high < 0) == (found.chance < 0.05) or abs(found.chance - 0.05) < 1e-9


def test_many_are_judged_by_chi_square() -> None:
    found = mcnemar(*pair(500, 60, 90, 100))
    assert not found.exact
    assert found.differ > EXACT
    assert found.chance == pytest.approx(stats.chi2.sf((90 - 60) ** 2 / 150, 1))
    assert found.chance == pytest.approx(stats.binomtest(60, 150).pvalue, rel=0.3)


def test_several_labels_are_right_as_a_set() -> None:
    truth = np.array([[1, 0], [1, 1]])
    first = LabelSets(truth, truth, truth.astype(float), ("a", "b"))
    second = LabelSets(truth, np.array([[1, 0], [1, 0]]), truth.astype(float), ("a", "b"))
    assert mcnemar(first, second).only_first == 1
