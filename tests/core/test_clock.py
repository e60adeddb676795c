"""The clocks: what a stopwatch counts."""

import time

from weitiao.core.clock import stopwatch


def test_a_stopwatch_does_not_count_the_time_that_others_had():
    watch = stopwatch()
    time.sleep(0.05)
    assert watch() < 0.04
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass
    assert watch() >= 0.02
