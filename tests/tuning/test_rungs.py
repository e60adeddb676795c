"""Rungs: promotions of a third, and a top rung that rises while the order changes."""

from dataclasses import replace

from weitiao.tuning.records import DONE, Reached, Trial
from weitiao.tuning.rungs import Rungs, stable


def trial(number, *scores, state="paused"):
    reached = tuple(Reached(level, 3.0**level, score, 1.0, 10 * level + number)
                    for level, score in enumerate(scores))  # fmt: skip
    return Trial(number, {"x": 1}, {}, 9.0, reached, state)


def test_levels_are_few_and_end_at_the_whole_training():
    for epochs in (0.2, 1, 2, 3, 7, 15, 30):
        levels = Rungs.up_to(epochs).levels
        assert levels[-1] == epochs
        assert 2 <= len(levels) <= 3
        assert list(levels) == sorted(set(levels))


def test_the_best_third_of_a_rung_is_promoted():
    rungs = Rungs((1.0, 3.0, 9.0))
    two = [trial(0, 0.5), trial(1, 0.6)]
    assert rungs.promoted(two, 1) is None
    three = [*two, trial(2, 0.4)]
    assert rungs.promoted(three, 1).number == 1
    gone_on = [trial(0, 0.5), trial(1, 0.6, 0.7), trial(2, 0.4)]
    assert rungs.promoted(gone_on, 1) is None, "it was promoted already"
    assert rungs.promoted(three, 0) is None, "there is no rung below the first"


def test_the_top_rung_rises_only_while_the_order_changes():
    rungs = Rungs((1.0, 3.0, 9.0))
    same = [trial(0, 0.5, 0.6), trial(1, 0.4, 0.5)]
    assert stable(same, 1, 0.0)
    assert rungs.top(same, 0.0) == 1
    crossed = [trial(0, 0.5, 0.6), trial(1, 0.4, 0.7)]
    assert not stable(crossed, 1, 0.0)
    assert stable(crossed, 1, 0.2), "within noise"
    assert rungs.top(crossed, 0.0) == 2
    assert rungs.top(crossed, 0.2) == 1


def test_what_is_trained_to_its_end_counts_at_later_rungs():
    short = trial(0, 0.5, state=DONE)
    assert short.at(2).score == 0.5
    assert replace(short, state="paused").at(2) is None
