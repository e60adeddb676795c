"""Outcome of a search: the winner or the plan as it stood, and the figures behind that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.i18n.messages import N_
from weitiao.planfile.plan import Plan
from weitiao.tuning.records import DONE, FreshSeed, Trial
from weitiao.tuning.search import STOPPED
from weitiao.tuning.space import Space
from weitiao.tuning.stopping import Bound

CANDIDATE = "candidate.yaml"  # the plan of `Tuned.candidate`
FEWEST_FOR_IMPORTANCE = 8  # trials
TREES_SEED = 0
REFUSED = {  # why the plan stays as it stood
    "none": N_("no trial was better than the plan as it stands"),
    "noise": N_("no candidate is better than the plan beyond noise, with fresh seeds"),
    "unconfirmed": N_("no candidate could be run again with fresh seeds"),
    "short": STOPPED["short"],
}


@dataclass(frozen=True)
class Compared:
    """A candidate against the plan on fresh seeds. gain: of the deciding metric, turned so that
    positive is better, with its interval."""

    trial: int
    metric: str
    plan_mean: float
    mean: float
    gain: float
    low: float
    high: float
    seeds: int
    better: bool


@dataclass(frozen=True, repr=False)
class Tuned:
    """The result of a search. `plan` is what `tuned.yaml` holds: the winner, or the plan as it
    stood; `winner` is its trial, 0 for the plan."""

    folder: Path
    plan: Plan
    winner: int
    refused: str  # why the plan stays, "" when a trial won
    metric: str
    sign: int  # of a score: -1 where lower is better
    space: Space
    trials: tuple[Trial, ...]
    fresh: tuple[FreshSeed, ...]
    compared: tuple[Compared, ...]
    levels: tuple[float, ...]
    stopped: str
    bound: Bound
    seconds: float
    budget: float
    rows: tuple[int, int]  # of validation in the search, and of the fresh fold
    note: str = ""

    def __repr__(self) -> str:
        won = f"trial {self.winner}" if self.winner else "the plan stays"
        return f"Tuned({won}, {len(self.trials)} trials, {str(self.folder)!r})"

    @property
    def best(self) -> Trial:
        """The trial that won, or the plan."""
        return self.trials[self.winner]

    @property
    def candidate(self) -> Compared | None:
        """The best candidate that is ahead of the plan, where no candidate is beyond noise."""
        first = self.compared[0] if self.compared and not self.winner else None
        return first if first and first.gain > 0 else None

    @property
    def optimism(self) -> tuple[float, float] | None:
        """Score of the best candidate in the search, and its mean with fresh seeds on other rows;
        None where nothing was run again."""
        at = self.winner or (self.compared[0].trial if self.compared else 0)
        scores = [one.score for one in self.fresh if one.trial == at]
        if not scores or not math.isfinite(self.trials[at].score):
            return None
        return self.sign * self.trials[at].score, self.sign * float(np.mean(scores))

    @property
    def ranked(self) -> list[Trial]:
        """Trials with a score, the best first."""
        scored = [one for one in self.trials if one.reached]
        return sorted(scored, key=lambda one: (-one.score, -one.level, one.number))

    def value(self, score: float) -> float:
        """A score in the metric's own direction."""
        return self.sign * score

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        optimism = self.optimism
        return {
            "folder": str(self.folder),
            "plan": str(self.folder / "tuned.yaml"),
            "page": str(self.folder / "tuning.html"),
            "winner": self.winner,
            "changes": self.best.values,
            "kept_because": REFUSED[self.refused] if self.refused else None,
            "candidate": str(self.folder / CANDIDATE) if self.candidate else None,
            "metric": self.metric,
            "stopped": STOPPED[self.stopped],
            "still_to_gain": self.bound.gain,
            "seed_noise": self.bound.noise,
            "seconds": round(self.seconds, 1),
            "budget": self.budget,
            "compared": [vars(one) for one in self.compared],
            "search_score": optimism[0] if optimism else None,
            "fresh_score": optimism[1] if optimism else None,
            "trials": [_plain(one, self.sign) for one in self.trials],
            "importance": self.importance(),
        }

    def importance(self) -> dict[str, float]:
        """Share of each setting in the variance of the scores (functional ANOVA over random
        forests, Hutter et al. 2014); {} of too few trials."""
        import warnings

        from weitiao.tuning.proposals import load_optuna

        optuna = load_optuna()
        used = [one for one in self.trials if one.params and one.reached]
        scores = {one.score for one in used}
        if len(used) < FEWEST_FOR_IMPORTANCE or len(scores) < 2:
            return {}
        study = optuna.create_study(direction="maximize")
        distributions = self.space.distributions()
        for one in used:
            study.add_trial(
                optuna.trial.create_trial(
                    params=one.params, distributions=distributions, value=one.score
                )
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shares = optuna.importance.get_param_importances(
                study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=TREES_SEED)
            )
        return {name: round(float(share), 4) for name, share in shares.items()}


def complete(trials: Sequence[Trial]) -> int:
    """How many trials were trained to their end."""
    return sum(one.state == DONE for one in trials)


def _plain(trial: Trial, sign: int) -> Mapping[str, Any]:
    score = sign * trial.score if trial.reached else None
    return {
        "number": trial.number,
        "values": trial.values,
        "state": trial.state,
        "reason": trial.reason,
        "score": score,
        "epochs": trial.reached[-1].epochs if trial.reached else 0.0,
        "seconds": round(trial.seconds, 2),
        "rungs": [[one.epochs, sign * one.score] for one in trial.reached],
    }
