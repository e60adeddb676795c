"""Proposals: the next point of the space, by Optuna's tree-structured Parzen estimator (TPE).

Each proposal is a function of the trials so far and of its number, so that a search that was killed
goes on with what it would have tried.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _
from weitiao.tuning.records import DONE, FAILED, OVER, Trial
from weitiao.tuning.space import Params, Space

RANDOM_TRIALS = 5  # before the first that is proposed by what others reached
ATTEMPTS = 50  # at a plan that `check` accepts and no trial has had
NUMBERS = 1_000_003  # a prime: seeds of two proposals differ


def propose(space: Space, trials: Sequence[Trial], seed: int) -> Params | None:
    """Parameters of the next trial; None when the space has no other plan that `check` accepts."""
    study = _study_of(space, trials)
    distributions = space.distributions()
    known = [one.values for one in trials] + [{**space.own}]
    for attempt in range(ATTEMPTS):
        own_seed = (seed * NUMBERS + len(trials) * ATTEMPTS + attempt) % 2**32
        if attempt >= ATTEMPTS // 2:  # what is proposed is refused or known: anywhere else
            params = space.drawn(1, own_seed)[0]
        else:
            study.sampler = _sampler(own_seed)
            params = dict(study.ask(distributions).params)
        if space.values(params) not in known and space.accepts(params):
            return params
    return None


def _sampler(seed: int) -> Any:
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=RANDOM_TRIALS, multivariate=True, constant_liar=False
        )


def _study_of(space: Space, trials: Sequence[Trial]) -> Any:
    """The trials as a study of Optuna in memory. Paused ones are pruned ones there: compared with
    others of their rung, and behind those of higher ones."""
    optuna = load_optuna()
    distributions = space.distributions()
    study = optuna.create_study(direction="maximize")
    states = optuna.trial.TrialState
    for one in trials:
        if not one.params:
            continue
        values = {reached.level: reached.score for reached in one.reached}
        values = {level: score for level, score in values.items() if math.isfinite(score)}
        refused = one.state in (FAILED, OVER) or not values
        state = states.COMPLETE if one.state == DONE and not refused else states.PRUNED
        made = optuna.trial.create_trial(
            state=state,
            params=one.params,
            distributions=distributions,
            intermediate_values={} if refused else values,
            value=one.score if state == states.COMPLETE else None,
        )
        study.add_trial(made)
    return study


def load_optuna() -> Any:
    """Optuna, silent. Raises WeitiaoError when it is not installed."""
    try:
        import optuna
    except ImportError:
        message = _("a search needs a package more: pip install 'weitiao[tune]'")
        raise WeitiaoError(message) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
