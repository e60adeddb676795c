"""Phases of a run: exclusive seconds and peaks, with a clock that is set by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest

from weitiao.hardware import machine, phases


class Hands:
    """A clock and a memory gauge that tell what the test sets."""

    def __init__(self):
        self.now, self.memory = 0.0, 0.0

    def clock(self, phase="loading"):
        return phases.PhaseClock(phase, now=lambda: self.now, peak=lambda: self.memory)

    def pass_(self, seconds, memory=0.0):
        self.now, self.memory = self.now + seconds, memory


def seconds(clock):
    return {name: cost["seconds"] for name, cost in clock.plain().items()}


def test_an_inner_phase_is_taken_out_of_the_outer_one():
    hands = Hands()
    clock = hands.clock()
    hands.pass_(1)
    with phases.recorded(clock), phases.during("training"):
        hands.pass_(2)
        with phases.during("evaluations"):
            hands.pass_(4)
        hands.pass_(8)
    hands.pass_(16)
    assert seconds(clock) == {"loading": 17, "training": 10, "evaluations": 4}


def test_a_whole_phase_takes_everything_inside_it():
    hands = Hands()
    clock = hands.clock()
    with clock.during("refit", whole=True):
        hands.pass_(1)
        with clock.during("training"):
            hands.pass_(2)
        with clock.during("evaluations"):
            hands.pass_(4)
    with clock.during("judging"):
        hands.pass_(8)
    assert seconds(clock) == {"loading": 0, "refit": 7, "judging": 8}


def test_the_phases_of_an_error_are_closed():
    hands = Hands()
    clock = hands.clock()
    with pytest.raises(ValueError, match="stop"), clock.during("training"):
        hands.pass_(1)
        raise ValueError("stop")
    hands.pass_(2)
    assert seconds(clock) == {"loading": 2, "training": 1}


def test_the_peak_of_a_phase_is_its_own():
    hands = Hands()
    clock = hands.clock()
    hands.pass_(1, memory=300)
    with clock.during("training"):
        hands.pass_(1, memory=900)
        with clock.during("evaluations"):
            hands.pass_(1, memory=500)
        hands.pass_(1, memory=700)
    hands.pass_(1, memory=200)
    peaks = {name: cost["memory_mb"] for name, cost in clock.plain().items()}
    assert peaks == {"loading": 300, "training": 900, "evaluations": 500}


def test_without_a_clock_nothing_is_counted():
    with phases.during("training"):
        assert phases.current() is None


def test_what_was_before_the_clock_can_be_added():
    clock = Hands().clock()
    clock.add("starting", 5.0)
    clock.add("report", -1.0)
    assert seconds(clock) == {"starting": 5, "loading": 0}


@pytest.mark.skipif(
    sys.platform != "linux" or not Path("/proc/self/clear_refs").exists(), reason="no VmHWM"
)
def test_a_peak_is_forgotten_but_not_that_of_the_process():
    machine.peak_memory_since()
    block = np.ones(20_000_000)  # 160 MB
    high = machine.peak_memory_since()
    del block
    machine.peak_memory_since()
    assert machine.peak_memory_since() < high - 100
    assert machine.peak_memory_mb() >= round(high) - 1
