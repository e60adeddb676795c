"""Search: trials proposed, trained to their rungs, promoted and pruned until nothing is to be won.

What trains is handed in (`Objective`), so that the same search runs on a formula in a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from weitiao.core.clock import awake, duration
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import N_, _
from weitiao.tuning.journal import Journal
from weitiao.tuning.objective import (
    Failure,
    Objective,
    OutOfTime,
    OverLimit,
    Result,
    Unreached,
)
from weitiao.tuning.proposals import propose
from weitiao.tuning.records import DONE, FAILED, OVER, PAUSED, FreshSeed, History, Reached, Trial
from weitiao.tuning.rungs import Rungs
from weitiao.tuning.space import Space
from weitiao.tuning.stopping import Bound, seed_noise, still_to_gain

SEEDS, MORE_SEEDS = 3, 5  # fresh ones of the plan and of each candidate
CANDIDATES = 2  # trials that run again with fresh seeds
CONFIRM_SHARE = 0.35  # of a budget: more candidates or seeds only where they take less
WARM_UP = 1.15  # a trial takes so much longer than the epochs it was estimated by
LAST_SECONDS = 2.0  # for the files at the end

# Why a search ends. Stored as they are; shown through `localized`.
STOPPED = {
    "gain": N_("what is still to gain lies inside the noise between seeds"),
    "budget": N_("the time budget is used up"),
    "trials": N_("the number of trials is reached"),
    "space": N_("every plan of the space was tried"),
    "short": N_("the budget is too short for a search"),
    "interrupted": N_("interrupted"),
}


@dataclass
class Clock:
    """Time of a search: its budget counts what earlier sessions used."""

    budget: float
    used_before: float
    begun: float

    def used(self) -> float:
        return self.used_before + awake() - self.begun

    def left(self) -> float:
        return self.budget - self.used() - LAST_SECONDS

    def until(self, reserved: float = 0.0) -> float:
        """The moment when so much is left."""
        return awake() + self.left() - reserved


@dataclass
class Search:
    """State of one search: its history, and how it goes on."""

    space: Space
    journal: Journal
    objective: Objective
    clock: Clock
    seed: int
    most_trials: int | None = None
    say: Callable[[str], None] = lambda text: None
    watch: Callable[[str, int, int], None] = lambda what, done, total: None
    history: History = field(default_factory=History)
    stopped: str = ""
    bound: Bound = field(default_factory=lambda: Bound(math.inf, 0.0))
    seeds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.history = self.journal.history()
        self.rungs = Rungs.up_to(self.space.epochs())

    def run(self) -> None:
        """Train the plan as it stands, then trials until a reason to stop, then the best again with
        fresh seeds. Raises WeitiaoError when the plan itself cannot be trained."""
        try:
            if self._start():
                self._explore()
                self._confirm()
        except OutOfTime:
            whole = self.history.trials and self.default.state == DONE
            self.stopped = self.stopped or ("budget" if whole else "short")
        except KeyboardInterrupt:
            self.stopped = "interrupted"
        finally:
            self.journal.used(self.clock.used())

    # --- the plan as it stands

    @property
    def default(self) -> Trial:
        return self.history.trials[0]

    def _start(self) -> bool:
        """Trial 0 to its end, and again with fresh seeds; False when the budget is too short."""
        if not self.history.trials:
            own = self.space.own_params or {}
            epochs = float(self.space.plan.train.epochs)
            self._begin(Trial(0, own, {}, epochs))
        if not self.default.reached:
            self.objective.limits(self.default)
        while self.default.state == PAUSED:
            self._advance([self.default], self.clock.until())
        if self.default.state != DONE:
            raise WeitiaoError(
                _("the plan as it stands cannot be trained: {reason}", reason=self.default.reason)
            )
        each = self.default.seconds
        many = self._turns(MORE_SEEDS * 2) * each <= CONFIRM_SHARE * self.clock.budget
        count = MORE_SEEDS if many else SEEDS
        known = [one.seed for one in self.history.fresh if one.trial == 0]
        first = self.space.plan.train.seed + 1
        self.seeds = tuple(sorted({*known, *range(first, first + count)}))[: max(count, len(known))]
        unknown = len(self.seeds) - len(known)
        needed = self._turns(unknown) + self._turns(len(self.seeds)) + 1
        if len(self.history.trials) == 1 and self.clock.left() < needed * each * WARM_UP:
            self.stopped = "short"
            enough = self.clock.used() + (2 * self._turns(SEEDS) + 3) * each * WARM_UP
            self.say(
                _(
                    "the plan takes {each}, and a search at least {times} such trainings: "
                    "give it --budget {needed}m or more.",
                    each=duration(each),
                    times=2 * self._turns(SEEDS) + 4,
                    needed=math.ceil(enough / 60),
                )
            )
            return False
        self._fresh([(self.default, seed) for seed in self.seeds])
        return True

    def _turns(self, trainings: int) -> int:
        """How many times as long as one of them so many trainings take."""
        return -(-trainings // self.objective.at_once)

    # --- trials

    def _explore(self) -> None:
        while not self.stopped:
            self.bound = self._measured_bound()
            reserved = self._reserved()
            if self.bound.inside:
                self.stopped = "gain"
                break
            until = self.clock.until(reserved)
            trials = self._next_ones(until - awake())
            if not trials:
                self.stopped = self.stopped or "budget"
                break
            try:
                self._advance(trials, until)
            except OutOfTime:
                self.stopped = "budget"
            self._clean()
        self.bound = self._measured_bound()
        self._say_stopped()

    def _next_ones(self, room: float) -> list[Trial]:
        """The trials that are trained next, as many as run at once, by their number: a search that
        was killed goes on with the same ones."""
        picked = list[Trial]()
        while len(picked) < self.objective.at_once:
            one = self._next(room, {other.number for other in picked})
            if one is None:
                break
            picked.append(one)
        if picked:  # the search goes on after these
            self.stopped = ""
        return sorted(picked, key=lambda one: one.number)

    def _next(self, room: float, picked: Collection[int]) -> Trial | None:
        """The trial that is trained next: one that was begun, one that is promoted, or a new one;
        None when there is none that fits into `room` seconds. picked: trials that are left out."""
        trials = self.history.trials
        lowest = self.rungs.levels[0] * self._epoch_seconds()
        for one in trials:
            if one.state == PAUSED and not one.reached and one.number not in picked:
                return one if lowest <= room else None
        top = self.rungs.top(trials, self.noise)
        promoted = self.rungs.promoted(trials, top, picked)
        if promoted and self._estimated(promoted) <= room:
            return promoted
        while lowest <= room:
            if self.most_trials is not None and len(self.history.trials) >= self.most_trials:
                self.stopped = "trials"
                return None
            params = propose(self.space, self.history.trials, self.seed)
            if params is None:
                self.stopped = "space"
                return None
            values = self.space.values(params)
            plan = self.space.plan_of(values)
            trial = self._begin(Trial(0, params, values, float(plan.train.epochs)))
            try:
                self.objective.limits(trial)
            except OverLimit as error:
                self._write(replace(trial, state=OVER, reason=str(error)))
                continue
            return trial
        return None

    def _advance(self, trials: Sequence[Trial], until: float) -> None:
        """Train trials to their next rung."""
        steps = [(one, min(self.rungs.levels[one.level + 1], one.epochs)) for one in trials]
        self.progress()
        ends = list[Exception]()
        for one, result in zip(trials, self.objective.reach_all(steps, until), strict=True):
            if isinstance(result, (OutOfTime, Unreached)):
                ends.append(result)
            else:
                self._reached(one, result)
        if ends:
            raise ends[0]

    def _reached(self, trial: Trial, result: Result | Failure) -> None:
        """Write down what a training gave."""
        if isinstance(result, OverLimit):
            self._write(replace(trial, state=OVER, reason=str(result)))
        elif isinstance(result, WeitiaoError):
            self._write(replace(trial, state=FAILED, reason=" ".join(str(result).split())))
            self._say_trial(trial.number)
        elif isinstance(result, Result) and not math.isfinite(result.score):
            reason = _("its score is undefined")
            self._write(replace(trial, state=FAILED, reason=str(reason)))
        elif isinstance(result, Result):
            order, level = self.history.next_order(), trial.level + 1
            reached = Reached(level, result.epochs, result.score, result.seconds, order)
            state = DONE if result.ended else PAUSED
            self._write(replace(trial, reached=(*trial.reached, reached), state=state))
            self._say_trial(trial.number)

    def _epoch_seconds(self) -> float:
        """Seconds an epoch took, on average over the trials."""
        paid = [(one.reached[-1].epochs, one.seconds) for one in self.history.trials if one.reached]
        return sum(seconds for _e, seconds in paid) / max(sum(e for e, _seconds in paid), 1e-9)

    def _estimated(self, trial: Trial) -> float:
        """Seconds until its next rung, by the epochs of other trials."""
        each = self._epoch_seconds()
        level = min(trial.level + 1, len(self.rungs.levels) - 1)
        now = trial.reached[-1].epochs if trial.reached else 0.0
        return max(min(self.rungs.levels[level], trial.epochs) - now, 0.0) * each

    @property
    def noise(self) -> float:
        scores = self.history.scores_of(0)
        return seed_noise(scores, self.objective.rows, self.objective.bounded)

    def _measured_bound(self) -> Bound:
        return still_to_gain(
            self.space,
            self.history.trials,
            len(self.rungs.levels),
            self.noise,
            self.objective.ceiling,
            self.seed,
        )

    # --- fresh seeds

    def candidates(self) -> list[Trial]:
        """The best trials that did better than the plan did at their rung, the best first."""
        better = []
        for one in self.history.ranked():
            own = self.default.at(one.level)
            if one.number and own and one.score > own.score:
                better.append(one)
        most = CANDIDATES if self._affordable(CANDIDATES, better) else 1
        return better[:most]

    def _affordable(self, count: int, candidates: Sequence[Trial]) -> bool:
        needed = sum(self._whole(one) for one in candidates[:count]) * len(self.seeds)
        return needed / self.objective.at_once <= CONFIRM_SHARE * self.clock.budget

    def _whole(self, trial: Trial) -> float:
        """Seconds of its whole training, by what it took so far."""
        last = trial.reached[-1]
        return trial.seconds * trial.epochs / max(last.epochs, 1e-9) * WARM_UP

    def _reserved(self) -> float:
        """Seconds that the candidates of now will take with fresh seeds."""
        done = {(one.trial, one.seed) for one in self.history.fresh}
        left = [
            self._whole(one)
            for seed in self.seeds
            for one in self.candidates() or [self.default]
            if (one.number, seed) not in done
        ]
        each = self.objective.at_once  # of which the longest is waited for
        return sum(max(left[at : at + each]) for at in range(0, len(left), each))

    def _confirm(self) -> None:
        candidates = self.candidates()
        # Seed by seed: an early end leaves pairs of all candidates.
        self._fresh([(one, seed) for seed in self.seeds for one in candidates])

    def _fresh(self, pairs: Sequence[tuple[Trial, int]]) -> None:
        """Train trials with fresh seeds, as many as run at once; none is begun that would not come
        to its end."""
        done = {(one.trial, one.seed) for one in self.history.fresh}
        pairs = [(one, seed) for one, seed in pairs if (one.number, seed) not in done]
        while pairs:
            until, now = self.clock.until(), pairs[: self.objective.at_once]
            fitting = [one for one in now if self._whole(one[0]) / WARM_UP <= until - awake()]
            self.progress()
            results = self.objective.fresh_all(fitting, until)
            ends: list[Exception] = [OutOfTime()] if len(fitting) < len(now) else []
            for (trial, seed), result in zip(fitting, results, strict=True):
                if isinstance(result, Exception):
                    ends.insert(0, result)
                else:
                    self._confirmed(FreshSeed(trial.number, seed, *result), trial)
            if ends:
                raise ends[0]
            pairs = pairs[len(now) :]

    def _confirmed(self, one: FreshSeed, trial: Trial) -> None:
        self.journal.add_fresh(one)
        self.history.fresh.append(one)
        self.journal.used(self.clock.used())
        self.say(
            _(
                "{trial}, fresh seed {seed}: {score}",
                trial=name_of(trial),
                seed=one.seed,
                score=self._shown(one.score),
            )
        )

    # --- what is written and said

    def _begin(self, trial: Trial) -> Trial:
        trial = self.journal.begin(trial, self.space)
        self.history.trials.append(trial)
        return trial

    def _write(self, trial: Trial) -> None:
        self.journal.write(trial)
        self.journal.used(self.clock.used())
        self.history.trials[trial.number] = trial

    def _clean(self) -> None:
        """Checkpoints stay of trials that may be promoted: the best third of those paused."""
        paused = [one for one in self.history.ranked() if one.state == PAUSED]
        self.objective.forget(paused[: max(2, len(paused) // 3)])

    def progress(self) -> None:
        """Tell `watch` how much of the budget is used."""
        used, whole = self.clock.used(), self.clock.budget
        self.watch(_("tuning"), min(int(used), int(whole)), int(whole))

    def _shown(self, score: float) -> str:
        return f"{self.objective.sign * score:.4f}"

    def _say_trial(self, number: int) -> None:
        trial = self.history.trials[number]
        if trial.state == FAILED:
            self.say(_("{trial}: failed: {reason}", trial=name_of(trial), reason=trial.reason))
            return
        best = self.history.ranked()[0]
        self.say(
            _(
                "{trial} at {epochs:.3g} epochs: {score} (best so far {best}, {name}); {left} left",
                trial=name_of(trial),
                epochs=trial.reached[-1].epochs,
                score=self._shown(trial.score),
                best=self._shown(best.score),
                name=name_of(best),
                left=duration(max(self.clock.left(), 0.0)),
            )
        )

    def _say_stopped(self) -> None:
        from weitiao.i18n.messages import localized

        self.say(
            _("the search ends: {reason}", reason=localized(STOPPED[self.stopped or "budget"]))
        )
        if math.isfinite(self.bound.gain):
            self.say(
                _(
                    "still to gain: at most {gain}; two seeds of one plan differ by {noise}",
                    gain=f"{self.bound.gain:.4f}",
                    noise=f"{self.bound.noise:.4f}",
                )
            )


def name_of(trial: Trial) -> str:
    """What a trial is called."""
    return _("trial {number}", number=trial.number) if trial.number else _("the plan")
