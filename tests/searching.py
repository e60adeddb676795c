"""A search on a formula instead of trainings, through the code that trains otherwise."""

import math
from zlib import crc32

from weitiao.core.clock import awake
from weitiao.planfile.plan import Plan
from weitiao.planfile.search_space import dimension
from weitiao.tuning.journal import Journal
from weitiao.tuning.objective import Objective, Result
from weitiao.tuning.search import Clock, Search
from weitiao.tuning.space import space_of
from weitiao.tuning.stopping import Bound

SPACE = {
    "train.learning_rate": "1e-5..1e-2:log",
    "train.epochs": "2..9",
    "train.batch_size": [8, 16, 32],
}


def plan_of(**changes):
    return Plan.parse({
        "task": "classification",
        "data": {"path": "toy.csv", "roles": {"text": "text", "target": "label"}},
        "model": {"checkpoint": "tiny"},
        "train": {"epochs": 3, "learning_rate": 1e-4, "batch_size": 16},
    }).with_(changes)  # fmt: skip


def space(written=None, plan=None):
    plan = plan or plan_of()
    return space_of(plan, [dimension(*one) for one in (written or SPACE).items()])


class Formula(Objective):
    """Score = formula(values, epochs) + noise by seed; each epoch takes `second` of a clock that
    stands still otherwise. killed_after: results, then KeyboardInterrupt comes as a kill would."""

    rows, bounded, ceiling, sign = 200, True, 1.0, 1

    def __init__(self, space, formula, noise=0.004, killed_after=math.inf):
        self.space, self.formula, self.noise = space, formula, noise
        self.left, self.log, self.limited = killed_after, [], lambda values: None

    def score(self, trial, epochs, seed=0):
        values = {**self.space.own, **trial.values}
        # Pseudo-random and reproducible: another seed or plan, another error.
        error = math.sin(
            1e4 * math.sin(crc32(repr((seed, sorted(values.items()))).encode()) % 9973)
        )
        return self.formula(values, epochs) + self.noise * error

    def limits(self, trial):
        self.limited({**self.space.own, **trial.values})

    def reach(self, trial, epochs, until):
        self._count()
        self.log.append((trial.number, epochs, trial.level))
        before = trial.reached[-1].epochs if trial.reached else 0.0
        return Result(
            max(self.score(trial, epochs), trial.score), epochs, epochs - before,
            epochs >= trial.epochs,
        )  # fmt: skip

    def fresh(self, trial, seed, until):
        self._count()
        return self.score(trial, trial.epochs, seed), trial.epochs

    def forget(self, trials):
        pass

    def _count(self):
        if self.left <= 0:
            raise Killed
        self.left -= 1


class Killed(BaseException):
    """As a kill: nothing is written after it."""


def search_in(
    folder, formula, *, trials=None, budget=1e6, objective=None, searched=None, seed=0, stops=False
):
    searched = searched or space()
    objective = objective or Formula(searched, formula)
    journal = Journal(folder / "tuning.journal", {"space": "toy"})
    clock = Clock(budget, journal.history().seconds, awake())
    said = []
    search = Search(searched, journal, objective, clock, seed, trials, said.append)
    search.said = said
    if not stops:  # the bound takes most of the time of a search on a formula
        search._measured_bound = lambda: Bound(math.inf, 0.0)
    return search


def tuned_of(search, folder, **changes):
    """The outcome of a search on a formula, as the page shows it; the best candidate has won."""
    from weitiao.tuning.outcome import Compared, Tuned

    candidates = search.candidates()
    plan, found = search.history.scores_of(0), []
    for one in candidates:
        scores = search.history.scores_of(one.number)
        mean, own = sum(scores) / len(scores), sum(plan) / len(plan)
        gain = mean - own
        found.append(Compared(one.number, "accuracy", own, mean, gain, gain - 0.02, gain + 0.02,
                              len(scores), gain > 0.02))  # fmt: skip
    won = next((one.trial for one in found if one.better), 0)
    space = search.space
    values = {
        "folder": folder,
        "plan": space.plan_of(search.history.trials[won].values),
        "winner": won,
        "refused": "" if won else "noise" if found else "none",
        "metric": "accuracy",
        "sign": 1,
        "space": space,
        "trials": tuple(search.history.trials),
        "fresh": tuple(search.history.fresh),
        "compared": tuple(found),
        "levels": search.rungs.levels,
        "stopped": search.stopped or "budget",
        "bound": search.bound,
        "seconds": 1300.0,
        "budget": 1800.0,
        "rows": (200, 200),
    }
    return Tuned(**{**values, **changes})
