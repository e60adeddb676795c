"""Label meter: how many labels the chosen order saves against the random arm, with an interval.

Both arms have a learning curve, of the linear rung, on the rows of the random arm: the chosen order
learns from its own rows alone and is measured on all random ones; the random arm is cross-validated
on itself. Error rates follow a power law in the number of labels, log error = a - b log n
(Hestness et al. 2017), fitted to each curve; the share of labels saved is 1 - n*/m, where m is the
size of the random arm's training folds and n* the number of chosen labels with the same error.
Intervals are percentiles over resampled rows of the random arm and resampled training subsets of
both. Where a curve does not clearly fall, or n* would lie beyond the labels, no share is given.
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
FOLDS, REPEATS = 5, 4
SUBSET = 0.8  # of the first chosen labels, that a repeat learns from
SAMPLES = 500
PAYS, STOPS = 0.5, 0.2  # probability of a saving: go back to the order, leave it
LEVEL = 0.95
ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
FLAT = -1e-3  # slope of log error
FALLING = 0.9  # of the resampled curves must fall, before a share is given
BEYOND, FARTHEST = 2.0, 10.0  # times the chosen labels: the estimate's limit, its interval's


@dataclass(frozen=True)
class Reading:
    """A reading of the meter. saved, low, high: share of labels saved at the last size of the
    random arm, and its 95 % interval; all None: it cannot be told; low alone: the order never
    reaches random order, and saved is the most that it can be. probability: that the order is
    better there; score: of all chosen labels on the random arm's rows.

    more, more_low, more_high: further labels until the acceptance line; None: not in sight.
    """

    random_rows: int
    chosen_rows: int
    saved: float | None
    low: float | None
    high: float | None
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
    sizes, right = _of_subsets(chosen, random, outputs, rng)
    random_sizes, random_right = _cross_validated(random, outputs, rng)
    weights = _resampled(len(random), rng)
    ours, theirs = (_errors(curve, weights, rng) for curve in (right, random_right))
    slopes, offsets = _power_law(sizes, ours, len(random))
    law = _power_law(random_sizes, theirs, len(random))
    most = random_sizes[-1]
    target = _at(most, *law)
    saved = _saved(target, law[0], slopes, offsets, (sizes[0], len(chosen), most))
    never = _least(ours[:, -1] - theirs[:, -1]) > 0 and sizes[-1] > most
    if never:  # all the chosen labels do not reach it
        bound = 1 - sizes[-1] / most
        saved = bound, None, bound
    better = theirs[:, -1] - _between(min(most, sizes[-1]), sizes, ours)
    every = _right(chosen, len(chosen), random, outputs)
    scores = weights @ every
    score_low, score_high = np.quantile(scores[1:], ENDS)
    more: tuple[int | None, ...] = (None, None, None)
    if goal is not None and _falls(slopes):
        more = _further(1 - goal, slopes, offsets, len(chosen))
    elif goal is not None and scores[0] >= goal:
        more = (0, None, None)
    return Reading(
        random_rows=len(random),
        chosen_rows=len(chosen),
        saved=saved[0],
        low=saved[1],
        high=saved[2],
        probability=float(((better[1:] > 0) + 0.5 * (better[1:] == 0)).mean()),
        score=float(scores[0]),
        score_low=float(score_low),
        score_high=float(score_high),
        sizes=(*sizes, len(chosen)),
        curve=(*(float(one) for one in right.mean((0, 2))), float(scores[0])),
        random_sizes=tuple(random_sizes),
        random_curve=tuple(float(one) for one in random_right.mean((0, 2))),
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


def _of_subsets(
    train: Arm, test: Arm, outputs: int, rng: np.random.Generator
) -> tuple[list[int], np.ndarray]:
    """Sizes, and (repeats, sizes, rows): right of models of random subsets of the first labels."""
    firsts = _sizes(len(train))
    sizes = [max(2, round(SUBSET * first)) for first in firsts]
    right = np.zeros((REPEATS, len(sizes), len(test)))
    for repeat in range(REPEATS):
        for at, (first, size) in enumerate(zip(firsts, sizes, strict=True)):
            some = np.sort(rng.permutation(first)[:size])
            few = Arm(train.features[some], train.targets[some])
            right[repeat, at] = _right(few, size, test, outputs)
    return sizes, right


def _cross_validated(
    arm: Arm, outputs: int, rng: np.random.Generator
) -> tuple[list[int], np.ndarray]:
    """Sizes, and (repeats, sizes, rows): whether each row was right when it was held out."""
    sizes = _sizes(len(arm) - -(-len(arm) // FOLDS))
    right = np.zeros((REPEATS, len(sizes), len(arm)))
    for repeat in range(REPEATS):
        shuffled = rng.permutation(len(arm))
        for fold in np.array_split(shuffled, FOLDS):
            train = rng.permutation(np.setdiff1d(shuffled, fold))
            for at, size in enumerate(sizes):
                few = Arm(arm.features[train[:size]], arm.targets[train[:size]])
                held = Arm(arm.features[fold], arm.targets[fold])
                right[repeat, at, fold] = _right(few, size, held, outputs)
    return sizes, right


def _errors(right: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Error rates (1 + samples, sizes): of all repeats once, then of resampled rows and repeats."""
    drawn = rng.multinomial(len(right), np.full(len(right), 1 / len(right)), size=SAMPLES)
    repeats = np.concatenate([np.ones((1, len(right))), drawn]) / len(right)
    by_repeat = np.einsum("rzn,sn->srz", right, weights, optimize=True)
    return np.asarray(1 - np.einsum("sr,srz->sz", repeats, by_repeat))


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


def _falls(slopes: np.ndarray) -> bool:
    """Whether a curve clearly falls: in its resamples, too."""
    return bool(slopes[0] < FLAT and (slopes[1:] < FLAT).mean() >= FALLING)


def _least(samples: np.ndarray) -> float:
    """The lower end of the interval of a statistic; the estimate where that is less."""
    return float(min(samples[0], np.quantile(samples[1:], ENDS[0])))


def _between(size: int, sizes: Sequence[int], errors: np.ndarray) -> np.ndarray:
    """Error rates at a size, (samples,): between two sizes, straight over the log of the size."""
    logs = np.log(np.array(sizes, float))
    after = min(max(int(np.searchsorted(sizes, size)), 1), len(sizes) - 1)
    part = (np.log(size) - logs[after - 1]) / max(logs[after] - logs[after - 1], 1e-9)
    return np.asarray(errors[:, after - 1] * (1 - part) + errors[:, after] * part)


def _saved(
    target: np.ndarray,
    random_slopes: np.ndarray,
    slopes: np.ndarray,
    offsets: np.ndarray,
    sizes: tuple[int, int, int],
) -> tuple[float | None, float | None, float | None]:
    """The share saved and its interval. target: log error of random order; sizes: the least of the
    order's curve, its labels, and those of random order."""
    least, rows, random_rows = sizes
    if not (_falls(slopes) and _falls(random_slopes)):
        return None, None, None
    needed = _size_for(target, slopes, offsets, most=FARTHEST * rows)
    if not least <= needed[0] <= BEYOND * rows:
        return None, None, None  # the law would have to hold where no label is
    high, low = np.quantile(needed[1:], ENDS)
    shares = [float(1 - one / random_rows) for one in (needed[0], low, high)]
    return shares[0], shares[1], shares[2]


def _size_for(
    log_error: np.ndarray, slopes: np.ndarray, offsets: np.ndarray, *, most: float
) -> np.ndarray:
    """The size at which a power law reaches an error, from 1 to `most`; `most` where it rises."""
    falling = slopes < FLAT
    log_size = (log_error - offsets) / np.where(falling, slopes, -1.0)
    return np.where(falling, np.exp(np.clip(log_size, 0.0, np.log(most))), most)


def _further(
    goal_error: float, slopes: np.ndarray, offsets: np.ndarray, rows: int
) -> tuple[int | None, ...]:
    """Further labels until the error falls to the goal: the estimate and its interval."""
    if goal_error <= 0:
        return None, None, None
    most = 50.0 * rows
    needed = _size_for(np.full(len(slopes), np.log(goal_error)), slopes, offsets, most=most)
    ends = [needed[0], *np.quantile(needed[1:], ENDS)]
    further = [None if end >= most * 0.99 else max(0, round(end - rows)) for end in ends]
    return tuple(further)
