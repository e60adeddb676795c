"""Resampling by patterns is the same as resampling rows."""

import numpy as np
import pytest

from weitiao import parts
from weitiao.evaluation.resampling import patterns_of
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers

METRICS = {name: parts.build("metrics", name) for name in parts.names("metrics")}


def single(rows: int, seed: int = 0, labels: int = 3) -> Answers:
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(99).integers(0, labels, rows)
    given = np.where(generator.random(rows) < 0.7, truth, generator.integers(0, labels, rows))
    return Labels(truth, given, np.eye(labels)[given], tuple("abcdefgh")[:labels])


def several(rows: int, seed: int = 0) -> Answers:
    truth = np.random.default_rng(99).integers(0, 2, (rows, 4))
    given = np.where(np.random.default_rng(seed).random((rows, 4)) < 0.8, truth, 1 - truth)
    return LabelSets(truth, given, given.astype(float), tuple("abcd"))


@pytest.mark.parametrize("make", [single, several])
def test_a_metric_over_patterns_is_the_metric_over_rows(make) -> None:
    sets = [make(500, 1), make(500, 2)]
    found = patterns_of(sets)
    assert len(found.counts) < 500
    assert found.counts.sum() == found.rows == 500
    for name, metric in METRICS.items():
        if metric.fits(type(sets[0])) and not metric.of_scores:
            points = found.points(metric.values)
            assert points == pytest.approx([metric.value(one) for one in sets]), name


@pytest.mark.parametrize("make", [single, several])
def test_leaving_groups_out_is_leaving_rows_out(make) -> None:
    sets = [make(60, 1), make(60, 2)]
    metric = METRICS["macro_f1"]
    without, size = patterns_of(sets).left_out(metric.values, seed=3)
    assert size == 1
    assert without.shape == (60, 2)
    weights = 1.0 - np.eye(60)[np.argsort(np.random.default_rng(3).permutation(60))]
    for at, one in enumerate(sets):
        assert sorted(without[:, at]) == pytest.approx(sorted(metric.values(one, weights)))


def test_resamples_spread_as_theory_says_by_rows_and_by_patterns() -> None:
    metric = METRICS["accuracy"]
    one = single(400)
    share = metric.value(one)
    theory = np.sqrt(share * (1 - share) / 400)
    for found in (patterns_of([one]), patterns_of([one], by_scores=True)):
        drawn = found.drawn(metric.values, 2000, seed=0)[:, 0]
        assert drawn.mean() == pytest.approx(share, abs=4 * theory / np.sqrt(2000))
        assert drawn.std() == pytest.approx(theory, rel=0.08)


def test_two_sets_are_drawn_together() -> None:
    one = single(300)
    drawn = patterns_of([one, one]).drawn(METRICS["macro_f1"].values, 50, seed=0)
    assert (drawn[:, 0] == drawn[:, 1]).all()


def test_numbers_have_no_patterns() -> None:
    truth = np.arange(30.0)
    found = patterns_of([Numbers(truth, truth, truth)])
    assert len(found.counts) == 30
