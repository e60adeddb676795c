"""Predicted scores: the learning curve of a linear model, and the gain over it."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.planning import gains
from weitiao.planning.quality import Curve, Gain, usual_gain
from weitiao.planning.quality import predicted as predicted_by

SIZES = np.array([50, 100, 200, 400])


def predicted(metric, curve, rows, values, updates=150):
    known = [Gain(f"set {at}", 150, value) for at, value in enumerate(values)]
    return predicted_by(metric, curve, rows, known, updates)


def power_law(exponent, least=0.3, noise=0.0, resamples=100):
    errors = least * (SIZES / SIZES[-1]) ** -exponent
    factor = np.random.default_rng(0).lognormal(0, noise, (resamples, len(SIZES)))
    return Curve(SIZES, errors * factor)


def test_the_exponent_of_a_power_law_is_found():
    assert power_law(0.35).exponents() == pytest.approx(np.full(100, 0.35))


def test_more_rows_never_promise_harm():
    rising = Curve(SIZES, np.tile([0.2, 0.21, 0.22, 0.23], (10, 1)))
    assert (rising.exponents() == 0).all()
    assert predicted("accuracy", rising, 400, [0.0, 0.1]).doubled == (0.0, 0.0, 0.0)


def test_without_a_gain_the_score_is_that_of_the_linear_model_at_all_rows():
    found = predicted("accuracy", power_law(0.5), 800, [-0.001, 0.001])
    assert found.linear == pytest.approx(0.7)
    assert found.score.value == pytest.approx(1 - 0.3 / math.sqrt(2), abs=1e-3)
    assert found.doubled.value == pytest.approx((1 - 1 / math.sqrt(2)) * (1 - found.score.value), abs=1e-3)  # fmt: skip


@given(st.floats(0.0, 0.8), st.floats(0.001, 0.9), st.lists(st.floats(-1, 0.5), min_size=2, max_size=9))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_interval_holds_its_value_and_ends_at_one(exponent, error, known):
    found = predicted("accuracy", power_law(exponent, error, 0.1), 400, known)
    low, high = found.score.low, found.score.high
    assert low <= found.score.value + 1e-4
    assert found.score.value <= high + 1e-4
    assert high <= 1
    assert found.doubled.low <= found.doubled.high


def test_gains_that_scatter_widen_it():
    narrow = predicted("accuracy", power_law(0.3), 400, [-0.1, -0.12, -0.11, -0.09])
    wide = predicted("accuracy", power_law(0.3), 400, [-0.6, 0.2, -0.3, 0.1])
    assert wide.score.high - wide.score.low > 3 * (narrow.score.high - narrow.score.low)


def test_runs_of_as_many_updates_say_what_is_usual():
    known = [Gain(f"few {at}", 12, 0.1) for at in range(4)]
    known += [Gain(f"many {at}", 150, -0.9) for at in range(4)]
    assert usual_gain(known, 10)[1] == pytest.approx(0.1, abs=0.01)
    assert usual_gain(known, 400)[1] == pytest.approx(-0.9, abs=0.01)
    low, mean, high = usual_gain(known, math.sqrt(12 * 150))
    assert (low, mean, high) == pytest.approx((-0.9, -0.4, 0.1))


def test_one_run_of_as_many_updates_is_not_all_that_is_usual():
    """A run whose budget left time for no update is kept as one of a single update."""
    own = Gain("run 0", 1, 0.0)
    low, _mean, high = usual_gain([*gains.shipped(), own], 1)
    assert high - low > 0.4
    low, _mean, high = usual_gain(gains.shipped(), 1)
    assert high - low > 0.3


def test_a_set_counts_once_however_often_it_was_run():
    one, other = Gain("one", 50, -1.0), Gain("other", 50, 0.0)
    assert usual_gain([one, other], 50)[1] == pytest.approx(-0.5)
    assert usual_gain([one, *[other] * 9], 50)[1] == pytest.approx(-0.5)


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=9), st.floats(1, 1e5), st.floats(1, 1e5))
@settings(max_examples=40, deadline=None)
def test_the_usual_gain_lies_among_those_that_are_known(values, there, here):
    low, mean, high = usual_gain([Gain("a", there, value) for value in values], here)
    assert min(values) - 1e-9 <= low <= mean + 1e-9 <= high + 2e-9 <= max(values) + 3e-9


def test_the_shipped_gains_are_those_of_the_script(monkeypatch):
    """Results that are added later may move a mean; they need not be shipped at once."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    import gains as script

    table = script.by_set([*script.pairs(), *script.predicted_pairs()])
    found = {(one["set"], one["updates"]): one["gain"] for one in table}
    for name, updates, gain in gains.GAINS:
        assert found[name, updates] == pytest.approx(gain, abs=0.2), name
    assert len(script.left_out(table)) == len(table)
