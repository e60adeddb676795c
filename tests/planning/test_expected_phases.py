"""Seconds of each phase of a run, put together from what was timed."""

from dataclasses import replace

import pytest

from weitiao.planning.expected_phases import (
    Rehearsed,
    Sizes,
    Taken,
    expected_phases,
    phase_seconds,
    updates_in_budget,
)
from weitiao.planning.history import PastRun
from weitiao.planning.phase_cost import Line

REHEARSED = Rehearsed(
    seconds={
        "starting": 6.0, "loading": 5.0, "baselines": 2.0, "linear_start": 1.0, "training": 4.0,
        "evaluations": 4.0, "refit": 8.0, "judging": 9.0, "report": 1.0,
    },
    memory_mb={"loading": 500, "training": 700, "judging": 900},
    train_rows=100, judged_rows=20, updates=3, evaluations=4, saves=2, refit_updates=2,
    reading=1.0, findings=3.0,
)  # fmt: skip
TAKEN = Taken(
    rehearsed=REHEARSED, learned=Line(0.1, 0.001, 0.0, 0.0), read=Line(0.0, 0.0005, 0.0, 0.0),
    longer_mb=500, reading=1.5, encoding=0.5, saving=0.5,
    linear=(200, 2.0), baselines=(200, 4.0),
)  # fmt: skip
SIZES = Sizes(
    train_rows=1000, validation_rows=100, batch_size=16, updates=100, evaluations=4,
    update_tokens=(300.0, 500.0), row_tokens=25.0,
)  # fmt: skip


def seconds(taken=TAKEN, sizes=SIZES):
    return {name: one.seconds for name, one in phase_seconds(taken, sizes).items()}


def test_each_phase_by_hand():
    found = seconds()
    assert found["starting"] == 6.0
    assert found["loading"] == pytest.approx(5 - 1 + 1.5 + 0.5)
    assert found["baselines"] == pytest.approx(2 + 0.02 * 900)
    assert found["linear_start"] == pytest.approx(2.0 * 1000 / 200)
    update = 0.1 + 0.001 * 400
    assert found["training"] == pytest.approx(4.0 - 3 * update + 100 * update)
    read = 0.0005 * 25
    each = (4.0 - 2 * 0.5) / 4 - 20 * read + 100 * read
    assert found["evaluations"] == pytest.approx(5 * each + 0.5 * (1 + 0.33 * 4))
    assert found["judging"] == pytest.approx(9 - 3 + 5 * 80 * read + 10 / 3)
    assert "refit" not in found


def test_more_rows_and_updates_take_longer():
    more = seconds(sizes=replace(SIZES, train_rows=2000, validation_rows=200, updates=200))
    less = seconds()
    same = {"starting", "loading", "report"}
    assert all(more[name] > less[name] or name in same for name in less)


def test_the_linear_start_reads_no_more_rows_than_it_may():
    assert seconds(sizes=replace(SIZES, train_rows=10**6))["linear_start"] == 2.0 * 4000 / 200


def test_how_long_a_refit_trains_is_open():
    found = phase_seconds(TAKEN, replace(SIZES, refit=True))["refit"]
    assert found.low < found.seconds < found.high
    update = 0.1 + 0.001 * 400
    rows = 1100 - 120
    assert found.seconds == pytest.approx(8 - 2 * update + 0.01 * rows + 1.1 * 0.65 * 100 * update)


def test_a_budget_shortens_the_refit_and_then_the_training():
    sizes = replace(SIZES, refit=True)
    free = seconds(sizes=sizes)
    tight = seconds(sizes=replace(sizes, budget=sum(free.values()) - free["refit"] - 10))
    assert "refit" not in tight
    assert tight["training"] == pytest.approx(free["training"] - 10)


def test_a_budget_leaves_time_for_fewer_updates():
    assert updates_in_budget(TAKEN, SIZES) == 100
    free = sum(seconds().values())
    assert updates_in_budget(TAKEN, replace(SIZES, budget=free + 1)) == 100
    update = 0.1 + 0.001 * 400
    tight = updates_in_budget(TAKEN, replace(SIZES, budget=free - 20 * update))
    assert tight == pytest.approx(80)
    assert updates_in_budget(TAKEN, replace(SIZES, budget=1.0)) == 0


def test_the_history_corrects_seconds_and_memory_but_not_what_it_is_measured_by():
    past = [PastRun(machine="m", family="bert", seconds={"training": 2.0}, memory=1.1)] * 9
    plain, peak, none = expected_phases(TAKEN, SIZES, [], "bert")
    found, more, runs = expected_phases(TAKEN, SIZES, past, "bert")
    assert (none, runs) == (0, 9)
    assert 1.5 < found["training"].seconds.value / plain["training"].seconds.value < 2
    assert found["training"].raw == plain["training"].raw
    assert found["judging"].seconds == plain["judging"].seconds
    longest = 700 + 500  # training, and what the longest updates need more
    assert peak.value == longest
    assert longest < more.value < 1.1 * longest
    assert peak.low < longest < peak.high


def test_a_rehearsal_whose_best_model_is_the_first_one_lacks_memory():
    first = replace(REHEARSED, refit_updates=0, frozen=False,
                    memory_mb={"linear_start": 600, "training": 700, "refit": 800,
                               "judging": 900})  # fmt: skip
    taken = replace(TAKEN, rehearsed=first, weights_mb=400)
    assert taken.memory_mb("refit") == 800 + 500 + (700 - 600)
    assert taken.memory_mb("judging") == 900 + 400
    learned = replace(taken, rehearsed=replace(first, refit_updates=2, frozen=True))
    assert learned.memory_mb("refit") == 800 + 500
    assert learned.memory_mb("judging") == 900
