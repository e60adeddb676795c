"""Seconds of updates by regression, and intervals of phases and of their sum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.planfile.expectation import Estimate
from weitiao.planning.phase_cost import PhaseSeconds, Sample, fitted, total, winsorized

NUMBERS = st.floats(1e-4, 10.0)


@given(NUMBERS, st.floats(1e-6, 1e-2))
@settings(max_examples=30, deadline=None)
def test_the_fixed_part_and_that_of_a_token_are_found(fixed, a_token):
    samples = [Sample(n, 16, fixed + a_token * n) for n in (100, 300, 900, 2000)]
    line = fitted(samples)
    assert line.seconds(500, 16) == pytest.approx(fixed + a_token * 500, rel=1e-3)
    assert line.std < 1e-3
    ten = line.seconds(10 * 500, 10 * 16, times=10)
    assert ten == pytest.approx(10 * line.seconds(500, 16))


@given(st.lists(st.tuples(st.integers(1, 4000), st.floats(1e-3, 5.0)), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_no_part_is_negative_however_odd_the_times(pairs):
    line = fitted([Sample(tokens, 16, seconds) for tokens, seconds in pairs])
    assert min(line.fixed, line.a_token, line.a_row, line.std) >= 0
    assert line.seconds(100, 16) > 0


def test_rows_count_where_they_differ():
    samples = [Sample(t, r, 0.1 + 0.002 * t + 0.01 * r) for t, r in ((64, 4), (64, 16), (500, 8))]
    assert fitted(samples).seconds(200, 10) == pytest.approx(0.6, rel=1e-3)


def test_a_disturbed_update_counts_as_two_medians():
    assert winsorized([1.0, 1.0, 9.0]) == pytest.approx(4 / 3)


def test_what_the_plan_leaves_open_widens_the_interval():
    sure = PhaseSeconds(10.0, 0.2).estimate
    open_ = PhaseSeconds(10.0, 0.2, low=4.0, high=14.0).estimate
    assert sure.low < 10 < sure.high
    assert open_.low < sure.low
    assert open_.high > sure.high


@given(st.lists(st.tuples(NUMBERS, st.floats(0, 0.5)), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_the_sum_lies_between_independent_and_equal_errors(pairs):
    phases = [Estimate(v, v * (1 - s), v * (1 + s)) for v, s in pairs]
    whole, widths = total(phases), np.array([v * s for v, s in pairs])
    assert whole.value == pytest.approx(sum(v for v, _ in pairs), abs=0.06)
    above = whole.high - whole.value
    assert np.sqrt((widths**2).sum()) - 0.11 <= above <= widths.sum() + 0.11
