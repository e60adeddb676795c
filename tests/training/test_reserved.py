"""Time that a budget keeps for the evaluation after training: estimated first, then measured."""

import pytest

from weitiao.training.budget import Clock, Pace


def test_a_slow_evaluation_keeps_more_for_those_after_training():
    clock = Clock(100.0)
    clock.reserve(fixed=6.0, estimated=4.0, evaluations=5.0)
    assert clock.seconds == pytest.approx(90.0)
    clock.evaluation_took(0.5)  # 2.5 seconds after training: as was estimated
    assert clock.seconds == pytest.approx(90.0)
    clock.evaluation_took(2.0)
    assert clock.seconds == pytest.approx(84.0)
    clock.evaluation_took(2.0)  # the same again is known by now
    assert clock.seconds == pytest.approx(84.0)
    clock.evaluation_took(1000.0)  # never more than half of what is left
    assert 40.0 < clock.seconds < 43.0


def test_without_a_budget_nothing_is_kept():
    clock = Clock()
    clock.evaluation_took(10.0)
    assert clock.seconds is None


def test_the_pace_tells_the_clock(monkeypatch):
    told = []
    clock = Clock(100.0)
    monkeypatch.setattr(clock, "evaluation_took", told.append)
    pace = Pace(clock)
    pace.pause()
    pace.evaluated()
    assert len(told) == 1
    assert told[0] >= 0


def test_what_is_clearly_too_much_is_given_back():
    clock = Clock(100.0)
    clock.reserve(fixed=6.0, estimated=20.0, evaluations=4.0)
    clock.evaluation_took(2.0)  # 8 seconds after training, with a margin 10
    assert clock.reserved == pytest.approx(10.0)
    assert clock.seconds == pytest.approx(84.0)
    clock.evaluation_took(3.0)
    assert clock.reserved == pytest.approx(12.0)


def test_few_updates_are_tried_where_the_estimate_may_be_wrong():
    clock = Clock(20.0)
    pace = Pace(clock, evaluation=5.0)
    pace._evaluations.append(5.0)  # an update takes 1 second, by that: 15 fit
    assert pace.first_total(100, 0) in (14, 15)
    pace._evaluations.append(15.0)  # 3 seconds: one fits, or three where they are faster
    assert pace.first_total(100, 0) == 0
    pace._evaluations.append(10.0)
    for _ in range(2):
        pace._evaluations.popleft()
    assert pace.first_total(100, 0) == 8  # 2 seconds: 4 fit, 8 are begun with
