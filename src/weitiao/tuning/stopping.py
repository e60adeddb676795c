"""Stopping rule: what a search may still gain, against the noise between seeds.

A Gaussian process over space and rung predicts the score of every plan at the end of its training.
What is still to gain is at most

    max over the space of UCB - max over the trials of LCB,  bounds = mean +- Z * std

(the regret bound of Makarova et al. 2022, "Automatic Termination for Hyperparameter Optimization"),
and at most the distance of the best score from the best possible one. Where that is not above the
standard deviation of the difference between two seeds of one plan (the square root of 2 times that
of their scores), another seed would change as much as a better plan.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weitiao.tuning.records import DONE, PAUSED, Trial
from weitiao.tuning.space import Params, Space

Z = 1.645  # one-sided 95 % of each bound
FEWEST_TRIALS = 8
CANDIDATES = 500  # random points at which the upper bound is taken


@dataclass(frozen=True)
class Bound:
    """What is still to gain at most; noise: the standard deviation of the difference of two
    seeds."""

    gain: float
    noise: float

    @property
    def inside(self) -> bool:
        """Whether the search has nothing to gain that another seed would not change as well."""
        return self.gain <= self.noise


def seed_noise(scores: Sequence[float], rows: int, bounded: bool) -> float:
    """Standard deviation of the difference of two seeds; of a proportion at least what one
    validation row counts: seeds that agree by chance do not say that there is no noise."""
    finite = [one for one in scores if math.isfinite(one)]
    std = math.sqrt(2) * float(np.std(finite, ddof=1)) if len(finite) > 1 else 0.0
    return max(std, 1 / rows if bounded and rows else 0.0)


def still_to_gain(
    space: Space, trials: Sequence[Trial], levels: int, noise: float, ceiling: float, seed: int
) -> Bound:
    """The bound on what is still to gain. ceiling: the best possible score; infinity: none."""
    usable = [one for one in trials if one.state in (PAUSED, DONE) and one.reached]
    best = max((one.score for one in usable), default=-math.inf)
    room = ceiling - best
    usable = [one for one in usable if one.params and math.isfinite(one.score)]
    if len(usable) < FEWEST_TRIALS:
        return Bound(room, noise)
    bound = _bound_of_process(space, usable, levels, noise, seed)
    return Bound(min(bound, room), noise)


def _bound_of_process(
    space: Space, trials: Sequence[Trial], levels: int, noise: float, seed: int
) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    pairs = [
        (one, reached.level if one.state != DONE or reached is not one.reached[-1] else levels - 1)
        for one in trials
        for reached in one.reached
    ]
    scores = np.array([reached.score for one in trials for reached in one.reached])
    inputs = _inputs(space, [one.params for one, _ in pairs], [at for _, at in pairs], levels)
    middle, scale = float(np.median(scores)), max(float(np.std(scores)), noise, 1e-9)
    # A trial that failed to learn lies far below: how far says nothing about the best ones.
    scaled = np.maximum((scores - middle) / scale, -3.0)
    white = max((noise / scale) ** 2, 1e-6)
    kernel = ConstantKernel(1.0, (1e-3, 1e2)) * Matern(
        np.ones(inputs.shape[1]), (0.2, 20.0), nu=2.5
    ) + WhiteKernel(white, (white / 4, max(1.0, white * 4)))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=seed)
    with warnings.catch_warnings():  # a length at its limit is a dimension that does not matter
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(inputs, scaled)
    learned_noise = float(process.kernel_.k2.noise_level)
    points: list[Params] = [*space.drawn(CANDIDATES, seed), *(one.params for one in trials)]
    mean, std = process.predict(
        _inputs(space, points, [levels - 1] * len(points), levels), return_std=True
    )
    latent = np.sqrt(np.maximum(std**2 - learned_noise, 0.0))
    upper = float((mean + Z * latent).max())
    lower = float((mean - Z * latent)[CANDIDATES:].max())
    return max(upper - lower, 0.0) * scale


def _inputs(space: Space, params: Sequence[Params], at: Sequence[int], levels: int) -> np.ndarray:
    rung = np.asarray(at, float)[:, None] / max(1, levels - 1)
    return np.hstack([space.encoded(params), rung])
