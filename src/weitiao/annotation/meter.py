"""Label meter: how many labels the chosen order saves against the random arm, with an interval.

Both arms have a learning curve, of the linear rung, on the rows of the random arm: the chosen order
learns from its own rows alone and is measured on all random ones; the random arm is cross-validated
on itself. Error rates follow a power law in the number of labels, log error = a - b log n
(Hestness et al. 2017), fitted to each curve; the share of labels saved is 1 - n*/m, where m is the
size of the random arm's training folds and n* the number of chosen labels with the same error.
Intervals are percentiles over resampled rows of the random arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from weitiao.annotation.learner import correct, fitted

FEWEST_RANDOM = 20  # rows of the random arm, before anything is said
FEWEST_CHOSEN = 20
FIRST_SIZE = 8  # labels, of a learning curve
SIZES = 7  # of a curve
FOLDS, REPEATS = 5, 3
SAMPLES = 500
PAYS, STOPS = 0.5, 0.2  # probability of a saving: go back to the order, leave it
LEVEL = 0.95


@dataclass(frozen=True)
class Reading:
    """A reading of the meter. saved, low, high: share of labels saved, and its 95 % interval;
    probability: that there is a saving; score: of all chosen labels on the random arm's rows.

    more, more_low, more_high: further labels until the acceptance line; None: not in sight.
    """

    random_rows: int
    chosen_rows: int
    saved: float
    low: float
    high: float
    probability: float
    score: float
    score_low: float
    score_high: float
    sizes: tuple[int, ...]
    curve: tuple[float, ...]
    random_sizes: tuple[int, ...]
    random_curve: tuple[float, ...]
    goal: float | None = None
    more: int | None = None
    more_low: int | None = None
    more_high: int | None = None

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Arm:
    """Labelled rows of an arm in the order they were labelled: standardised features, targets."""

    features: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


def measure(
    chosen: Arm, random: Arm, outputs: int, *, goal: float | None = None, seed: int = 0
) -> Reading | None:
    """Read the meter; None where the labels are too few to say anything."""
    if len(random) < FEWEST_RANDOM or len(chosen) < FEWEST_CHOSEN:
        return None
    rng = np.random.default_rng(seed)
    sizes = _sizes(len(chosen))
    right = np.stack([_right(chosen, size, random, outputs) for size in sizes])
    random_sizes, random_right = _cross_validated(random, outputs, rng)
    weights = _resampled(len(random), rng)
    ours, theirs = (1 - weights @ curve.T for curve in (right, random_right))  # error rates
    goal_error = None if goal is None else 1 - goal
    slopes, offsets = _power_law(sizes, ours, len(random))
    target = _at(random_sizes[-1], *_power_law(random_sizes, theirs, len(random)))
    needed = _size_for(target, slopes, offsets, most=2.0 * len(chosen))
    saved = 1 - needed / random_sizes[-1]
    low, high = np.quantile(saved[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    scores = 1 - ours[:, -1]
    score_low, score_high = np.quantile(scores[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    more: tuple[int | None, ...] = (None, None, None)
    if goal_error is not None:
        more = _further(goal_error, slopes, offsets, len(chosen))
    return Reading(
        random_rows=len(random),
        chosen_rows=len(chosen),
        saved=float(saved[0]),
        low=float(low),
        high=float(high),
        probability=float((saved[1:] > 0).mean()),
        score=float(scores[0]),
        score_low=float(score_low),
        score_high=float(score_high),
        sizes=tuple(sizes),
        curve=tuple(float(one) for one in right.mean(1)),
        random_sizes=tuple(random_sizes),
        random_curve=tuple(float(one) for one in random_right.mean(1)),
        goal=goal,
        more=more[0],
        more_low=more[1],
        more_high=more[2],
    )


def pays(before: bool, reading: Reading | None) -> bool:
    """Whether the order goes on, by the last reading; with hysteresis, so that it does not flip."""
    if reading is None:
        return True
    return reading.probability >= (STOPS if before else PAYS)


def _sizes(rows: int) -> list[int]:
    first = min(FIRST_SIZE, rows)
    return sorted({int(size) for size in np.geomspace(first, rows, SIZES).round()})


def _right(train: Arm, size: int, test: Arm, outputs: int) -> np.ndarray:
    model = fitted(train.features[:size], train.targets[:size], outputs)
    return correct(model(test.features), test.targets)


def _cross_validated(arm: Arm, outputs: int, rng: np.random.Generator) -> tuple[Any, np.ndarray]:
    """Sizes, and (sizes, rows) how often each row was right when it was held out."""
    sizes = _sizes(len(arm) - -(-len(arm) // FOLDS))
    right = np.zeros((len(sizes), len(arm)))
    for _repeat in range(REPEATS):
        shuffled = rng.permutation(len(arm))
        for fold in np.array_split(shuffled, FOLDS):
            train = rng.permutation(np.setdiff1d(shuffled, fold))
            for at, size in enumerate(sizes):
                few = Arm(arm.features[train[:size]], arm.targets[train[:size]])
                held = Arm(arm.features[fold], arm.targets[fold])
                right[at, fold] += _right(few, size, held, outputs) / REPEATS
    return sizes, right


def _resampled(rows: int, rng: np.random.Generator) -> np.ndarray:
    """(1 + samples, rows): the weights of all rows once, then of bootstrap resamples."""
    counts = rng.multinomial(rows, np.full(rows, 1 / rows), size=SAMPLES)
    return np.concatenate([np.ones((1, rows)), counts]) / rows


def _power_law(
    sizes: Sequence[int], errors: np.ndarray, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset of log error over log size, (samples,) each, by least squares.

    Larger sizes weigh more: the curve bends at its beginning.
    """
    x = np.log(np.array(sizes, float))
    y = np.log(np.maximum(errors, 0.5 / rows))  # no error at all: half a row
    weights = np.sqrt(np.array(sizes, float))
    weights = weights / weights.sum()
    centre = (weights * x).sum()
    spread_x = (weights * (x - centre) ** 2).sum()
    slopes = (weights * (x - centre) * y).sum(1) / max(spread_x, 1e-9)
    return slopes, (weights * y).sum(1) - slopes * centre


def _at(size: int, slopes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.asarray(offsets + slopes * np.log(size))


def _size_for(
    log_error: np.ndarray, slopes: np.ndarray, offsets: np.ndarray, *, most: float
) -> np.ndarray:
    """The size at which a power law reaches an error; `most` where it rises or does not."""
    falling = slopes < -1e-3
    log_size = (log_error - offsets) / np.where(falling, slopes, -1.0)
    size = np.exp(np.clip(log_size, 0.0, np.log(most)))
    reached = log_error >= offsets + slopes * np.log(most)
    return np.asarray(np.where(falling, size, np.where(reached, 1.0, most)))


def _further(
    goal_error: float, slopes: np.ndarray, offsets: np.ndarray, rows: int
) -> tuple[int | None, ...]:
    """Further labels until the error falls to the goal: the estimate and its interval."""
    if goal_error <= 0:
        return None, None, None
    most = 50.0 * rows
    needed = _size_for(np.full(len(slopes), np.log(goal_error)), slopes, offsets, most=most)
    ends = [needed[0], *np.quantile(needed[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]
    further = [None if end >= most * 0.99 else max(0, round(end - rows)) for end in ends]
    return tuple(further)
