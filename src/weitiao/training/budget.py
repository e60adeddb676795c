"""Time budget of a run: its clock, its measured pace, and how many updates still fit.

Decisions by the clock differ from run to run; `replay.py` repeats those of an interrupted one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from statistics import median

from weitiao.core.clock import awake

SAMPLES = 3  # updates to time before the first decision
SLACK = 0.05  # a change of the rest smaller than this is not worth one
LAST_GROWTH = 0.8  # of the run: later the rate is low, and few more updates would not learn much
LARGE_GROWTH = 1.2  # times the total: so much more is worth it however late
TRAINING_SHARE = 0.25  # of a budget: left for updates however long the warm-up took
FEWEST_UPDATES = 8  # fewer, most of them in the warm-up, hardly move a network
EVALUATION_SHARE = 0.25  # of the time left after the first evaluation: for the others
OPTIMISM = 3.0  # times faster than estimated may an update be, before any was timed
TOO_MUCH, ENOUGH = 1.75, 1.25  # times what is needed: kept for evaluations after training
OUTLIER = 2.0  # times the median: an update that took longer counts as this


class Clock:
    """The time budget of training; a resumed run counts what it used before.

    seconds: the budget, None for no limit. minimum: seconds for updates after the warm-up
    (compiling kernels, converting and loading a checkpoint, measuring memory, the first update),
    a share of the budget if left out. Sleep of the machine does not count.
    """

    def __init__(self, seconds: float | None = None, minimum: float | None = None) -> None:
        self.seconds = seconds
        self.minimum = TRAINING_SHARE * (seconds or 0.0) if minimum is None else minimum
        self.uncounted = 0.0  # seconds of the warm-up that the budget does not pay for
        self.reserved = 0.0  # seconds to predict rows after training; `seconds` are without them
        self.later_evaluations = 0.0  # the same, in evaluations of the validation rows
        self._begun = awake()

    def start(self, passed: float) -> None:
        """Count `passed` seconds of an earlier part of the run as used."""
        self._begun -= passed
        if passed:
            self.minimum = min(self.minimum, max(self.left(), 0.0))

    def warmed_up(self) -> None:
        """The warm-up of this process has ended: at least `minimum` seconds remain. What it took
        beyond that is not counted; a resumed run does not gain time by being resumed."""
        self.uncounted += max(self.minimum - self.left(), 0.0)

    def reserve(self, fixed: float, estimated: float, evaluations: float) -> None:
        """Keep seconds for the evaluation after training: fixed ones, and those to predict its
        rows, which cost as much as so many evaluations of the validation rows."""
        assert self.seconds is not None, "only a budget has something to keep"
        self.seconds -= fixed + estimated
        self.reserved, self.later_evaluations = estimated, evaluations

    def evaluation_took(self, seconds: float) -> None:
        """Keep more, where an evaluation of the validation rows took longer than was estimated
        (other programs run, or this machine is slower): at most half of what is left. Give back
        what is clearly too much."""
        if self.seconds is None:
            return
        needed = seconds * self.later_evaluations
        more = needed - self.reserved
        if 0 < TOO_MUCH * needed < self.reserved:
            more = ENOUGH * needed - self.reserved
        elif more <= 0:
            return
        more = min(more, max(self.left(), 0.0) / 2)
        self.seconds -= more
        self.reserved += more

    def passed(self) -> float:
        """Seconds since the beginning, counted or not."""
        return awake() - self._begun

    def used(self) -> float:
        """Seconds of the budget that are used up."""
        return self.passed() - self.uncounted

    def left(self) -> float:
        return math.inf if self.seconds is None else self.seconds - self.used()


class Pace:
    """Seconds per update and per evaluation, measured from the last ones.

    The first update of a process is its warm-up and is not among them.
    """

    def __init__(self, clock: Clock, evaluation: float = 5.0) -> None:
        """evaluation: about how many updates one takes, until one has been seen."""
        self.clock, self.evaluation = clock, evaluation
        self._updates: deque[float] = deque(maxlen=50)
        self._evaluations: deque[float] = deque(maxlen=5)
        self._since = clock.passed()
        self._seen = 0
        self._checkpoint_seconds = 0.0

    def updated(self) -> None:
        """An update has ended."""
        self._seen += 1
        if self._seen > 1:
            self._updates.append(self.clock.passed() - self._since)
        else:
            self.clock.warmed_up()
        self.pause()

    def evaluated(self) -> None:
        """An evaluation has ended."""
        took = self.clock.passed() - self._since
        self._evaluations.append(took)
        self.clock.evaluation_took(took)
        self.pause()

    def rested(self) -> None:
        """Time until now went into a checkpoint."""
        self._checkpoint_seconds += self.clock.passed() - self._since
        self.pause()

    def pause(self) -> None:
        """Time until now belongs to something else."""
        self._since = self.clock.passed()

    def seconds_left(self, step: int, total: int) -> float:
        """Estimated time of arrival (ETA): seconds that the rest of the run will take.

        NaN while nothing is known.
        """
        if not self._updates:
            return math.nan
        return (total - step) * median(self._updates) + self._one_evaluation()

    def total(self, step: int, total: int, wanted: int, evaluations: int) -> int | None:
        """The number of updates that fit into the budget, or None when nothing has to change.

        wanted: what the plan asked for, never exceeded. The evaluations still to come and the
        checkpoints have their time too.
        """
        if math.isinf(self.clock.left()):
            return None
        if self._updates and self.clock.left() <= median(self._updates) / 2:
            return step  # no room for one more, however little is known
        if len(self._updates) < SAMPLES:
            return None
        # One more update also costs its part of the time that checkpoints take.
        update = max(self._seconds_per_update(), 1e-6) + self._checkpoint_seconds / self._seen

        # A run that ends earlier has fewer evaluations to come: the total that fits is found by
        # bisection, since its time rises with it.
        def evaluating(last: int) -> float:
            return max(1.0, evaluations * (1 - step / last)) * self._one_evaluation()

        def seconds(last: int) -> float:
            return (last - step) * update + evaluating(last)

        left, possible = self.clock.left(), range(step + 1, wanted + 1)
        fits = step + bisect_right(possible, left, key=seconds)
        room = left - evaluating(total)
        # Hysteresis: a new total bends the learning-rate schedule, moves the evaluations, and has
        # to be logged and repeated by a resumed run. Noise of the clock must not cause one.
        if LARGE_GROWTH * total > fits > total and step > LAST_GROWTH * total:
            return None
        if abs(total - fits) <= SLACK * (total - step) and room > 2 * update:
            return None
        return None if fits == total else fits

    def evaluations(self, wanted: int) -> int:
        """The number of evaluations: the plan's, or, under a budget, as many as take a share of the
        time that is left; at least the one at the end."""
        if math.isinf(self.clock.left()) or not self._evaluations:
            return wanted
        most = EVALUATION_SHARE * self.clock.left() / max(self._one_evaluation(), 1e-6)
        return max(1, min(wanted, int(most)))

    def first_total(self, wanted: int, evaluations: int) -> int | None:
        """The number of updates that fit before any was timed; None without a budget. 0 where too
        few fit to be of use, even if they are OPTIMISM times as fast as estimated.

        An update takes as long as `evaluation`, the cost of an evaluation in updates, says of the
        one that was timed. That is uncertain, and a few updates tell: `total` corrects it.
        """
        if math.isinf(self.clock.left()) or not self._evaluations:
            return None
        evaluating = self._one_evaluation()
        update = max(evaluating / max(self.evaluation, 1e-6), 1e-6)
        # One evaluation at the end, and those in between as far as the time goes.
        fits = int((self.clock.left() - evaluating) / update)
        shared = evaluations * self.evaluation / max(wanted, 1)  # of an update, for evaluations
        fits = int(fits / (1 + shared))
        fewest = min(FEWEST_UPDATES, wanted)
        return 0 if OPTIMISM * fits < fewest else min(max(fits, fewest), wanted)

    def update_seconds(self) -> float | None:
        """Seconds that an update takes, as measured; None while nothing is known."""
        return self._seconds_per_update() if self._updates else None

    def _seconds_per_update(self) -> float:
        """The winsorized mean: an update that something disturbed counts as OUTLIER medians."""
        # The mean and not the median: updates differ in tokens, and it is their sum that must fit.
        most = OUTLIER * median(self._updates)
        return sum(min(seconds, most) for seconds in self._updates) / len(self._updates)

    def _one_evaluation(self) -> float:
        """The slowest of the last evaluations; before the first, as many updates as expected."""
        if self._evaluations:
            return max(self._evaluations)
        return self.evaluation * median(self._updates) if self._updates else 0.0
