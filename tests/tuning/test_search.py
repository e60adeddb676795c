"""The search on formulas: a planted optimum, noise alone, kills, limits, failures."""

import math

import pytest

from searching import Formula, Killed, search_in, space
from weitiao.errors import RunError, WeitiaoError
from weitiao.tuning.journal import Journal
from weitiao.tuning.objective import OutOfTime, OverLimit, Unreached
from weitiao.tuning.records import DONE, FAILED, OVER, PAUSED


def peak(values, epochs):
    """0.8 at a rate of 2e-3; the plan's 1e-4 reaches 0.63."""
    off = math.log10(values["train.learning_rate"] / 2e-3)
    return 0.8 - 0.1 * off**2 - 0.05 / (1 + epochs)


def flat(values, epochs):
    return 0.5


def test_a_planted_better_value_is_found(tmp_path):
    search = search_in(tmp_path, peak, trials=14)
    search.run()
    trials = search.history.trials
    assert trials[0].values == {}, "trial 0 is the plan as it stands"
    assert trials[0].state == DONE
    best = search.candidates()[0]
    assert best.number
    assert 6e-4 < best.values["train.learning_rate"] < 6e-3
    plan, won = search.history.scores_of(0), search.history.scores_of(best.number)
    assert len(plan) == len(won) >= 3
    assert min(won) > max(plan)


def test_noise_alone_ends_the_search_early(tmp_path):
    search = search_in(tmp_path, flat, trials=200, stops=True)
    search.run()
    assert search.stopped == "gain"
    assert len(search.history.trials) < 40
    assert search.bound.gain <= search.bound.noise
    assert "inside the noise" in " ".join(search.said)


def test_nothing_is_searched_above_a_perfect_score(tmp_path):
    search = search_in(tmp_path, lambda values, epochs: 1.0, stops=True)
    search.objective.noise = 0.0
    search.run()
    assert search.stopped == "gain"
    assert len(search.history.trials) == 1


def results(search):
    return [(one.number, one.values, [(r.level, r.score, r.order) for r in one.reached], one.state)
            for one in search.history.trials]  # fmt: skip


@pytest.mark.parametrize("after", [5, 14])
def test_a_killed_search_goes_on_with_equal_results(after, tmp_path):
    whole = search_in(tmp_path / "whole", peak, trials=12)
    whole.run()
    searched = space()
    killed = search_in(tmp_path / "killed", peak, trials=12,
                       objective=Formula(searched, peak, killed_after=after))  # fmt: skip
    with pytest.raises(Killed):
        killed.run()
    with (tmp_path / "killed" / "tuning.journal").open("ab") as file:
        file.write(b'{"op_code":8,"worker')  # a line that the kill cut short
    again = search_in(tmp_path / "killed", peak, trials=12)
    again.run()
    assert results(again) == results(whole)
    assert again.history.fresh == whole.history.fresh


def several(folder, at_once=3, **options):
    """A search that has so many trainings at once."""
    searched = space()
    objective = Formula(searched, peak, killed_after=options.pop("killed_after", math.inf))
    objective.at_once = at_once
    return search_in(folder, peak, objective=objective, searched=searched, **options)


def test_several_at_once_find_the_better_value_and_try_no_plan_twice(tmp_path):
    search = several(tmp_path, trials=14)
    search.run()
    values = [tuple(sorted(one.values.items())) for one in search.history.trials]
    assert len(set(values)) == len(values) == 14
    assert 6e-4 < search.candidates()[0].values["train.learning_rate"] < 6e-3
    fresh = [(one.trial, one.seed) for one in search.history.fresh]
    assert len(set(fresh)) == len(fresh)


@pytest.mark.parametrize("after", [4, 5, 6, 9])
def test_several_at_once_are_resumed_without_doing_anything_twice(after, tmp_path):
    killed = several(tmp_path, trials=12, killed_after=after)
    with pytest.raises(Killed):
        killed.run()
    before = results(several(tmp_path, trials=12))
    again = several(tmp_path, trials=12)
    again.run()
    done = {(number, level) for number, _v, reached, _s in before for level, _score, _o in reached}
    assert done.isdisjoint((number, level + 1) for number, _e, level in again.objective.log)
    assert all(one.reached for one in again.history.trials)


def test_of_several_at_once_those_that_end_count_when_one_has_no_time(tmp_path):
    search = several(tmp_path, trials=14)
    own = search.objective.reach

    def late(trial, epochs, until):
        if trial.number == 3:
            raise OutOfTime
        return own(trial, epochs, until)

    search.objective.reach = late
    search.run()
    assert search.stopped == "budget"
    third = search.history.trials[3]
    assert not third.reached
    assert third.state == PAUSED
    assert [one.number for one in search.history.trials if one.reached][:3] == [0, 1, 2]


@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_trials_are_promoted_whatever_ends_the_search(at_once, tmp_path):
    search = several(tmp_path, at_once, trials=9)
    search.run()
    assert search.stopped == "trials"
    assert sum(one.level > 0 for one in search.history.trials[1:]) >= 2


def test_a_machine_that_dies_says_nothing_about_a_plan(tmp_path):
    search = several(tmp_path, 3, trials=9)
    own = search.objective.reach

    def dying(trial, epochs, until):
        if trial.number == 2:
            raise Unreached("its machine died")
        return own(trial, epochs, until)

    search.objective.reach = dying
    with pytest.raises(Unreached, match="its machine died"):
        search.run()
    again = several(tmp_path, 3, trials=9)
    states = [(one.number, one.state, len(one.reached)) for one in again.history.trials[:4]]
    assert states == [(0, DONE, len(again.rungs.levels) - 1), (1, PAUSED, 1), (2, PAUSED, 0),
                      (3, PAUSED, 1)]  # fmt: skip
    again.run()
    assert again.stopped == "trials"
    assert again.history.trials[2].reached


def test_fresh_seeds_that_have_ended_count_when_another_has_not(tmp_path):
    search = several(tmp_path, 3, trials=9)
    own = search.objective.fresh

    def late(trial, seed, until):
        if trial.number == 0 and seed == min(search.seeds):
            raise OutOfTime
        return own(trial, seed, until)

    search.objective.fresh = late
    search.run()
    assert len(several(tmp_path, 3).history.fresh) == 2


def test_a_promoted_trial_goes_on_and_is_not_begun_anew(tmp_path):
    search = search_in(tmp_path, peak, trials=12)
    search.run()
    went_on = [entry for entry in search.objective.log if entry[2] >= 0 and entry[0]]
    assert went_on, "some trial was promoted"
    assert len({(number, level) for number, _epochs, level in search.objective.log}) == len(
        search.objective.log
    ), "no rung is trained twice"


def test_plans_over_a_limit_are_not_trained(tmp_path):
    searched = space()
    objective = Formula(searched, peak)

    def limited(values):
        if values["train.batch_size"] == 32:
            raise OverLimit("too large")

    objective.limited = limited
    search = search_in(tmp_path, peak, trials=11, objective=objective, searched=searched)
    search.run()
    over = [one for one in search.history.trials if one.state == OVER]
    assert over
    assert all(one.values["train.batch_size"] == 32 and not one.reached for one in over)
    assert all(one.values["train.batch_size"] != 32 for one in search.candidates())


def test_a_trial_that_fails_costs_only_itself(tmp_path):
    def failing(values, epochs):
        if values["train.learning_rate"] > 1e-3:
            raise WeitiaoError("diverged")
        return peak(values, epochs)

    search = search_in(tmp_path, failing, trials=11)
    search.run()
    assert any(one.state == FAILED for one in search.history.trials)
    assert any(one.state == DONE for one in search.history.trials)


def test_a_plan_that_cannot_be_trained_is_an_error(tmp_path):
    def failing(values, epochs):
        raise WeitiaoError("no such checkpoint")

    with pytest.raises(WeitiaoError, match="as it stands cannot be trained: no such checkpoint"):
        search_in(tmp_path, failing).run()


def test_a_budget_that_is_too_short_is_said(tmp_path):
    search = search_in(tmp_path, peak, budget=20)  # an epoch takes a second
    search.run()
    assert search.stopped == "short"
    assert "give it" in search.said[-1]
    assert search.candidates() == []


class Ticking(Formula):
    """A formula on a clock that it moves itself; what does not fit is cut short, as a training is."""

    now = 0.0

    def reach(self, trial, epochs, until):
        before = trial.reached[-1].epochs if trial.reached else 0.0
        self._spend(epochs - before, until)
        return super().reach(trial, epochs, until)

    def fresh(self, trial, seed, until):
        self._spend(trial.epochs, until)
        return super().fresh(trial, seed, until)

    def _spend(self, seconds, until):
        self.now += min(seconds, max(until - self.now, 0.0))
        if self.now >= until:
            raise OutOfTime


@pytest.mark.parametrize("budget", [12, 40, 60, 100, 300])
def test_a_budget_is_kept_with_time_for_fresh_seeds(budget, tmp_path, monkeypatch):
    searched = space()
    objective = Ticking(searched, peak)
    monkeypatch.setattr("weitiao.tuning.search.awake", lambda: objective.now)
    monkeypatch.setattr("searching.awake", lambda: objective.now)
    search = search_in(tmp_path, peak, budget=budget, objective=objective, searched=searched)
    search.run()
    assert search.clock.used() <= budget
    assert search.stopped == ("short" if budget < 40 else "budget")
    if budget >= 60:
        assert search.clock.used() > 0.7 * budget, "the time was used"
        best = search.candidates()[0]
        assert len(search.history.scores_of(best.number)) == len(search.seeds)


def test_a_journal_of_another_search_is_refused(tmp_path):
    Journal(tmp_path / "j", {"space": "a", "rows": "1"})
    with pytest.raises(RunError, match="rows"):
        Journal(tmp_path / "j", {"space": "a", "rows": "2"})


def test_a_file_that_is_no_journal_is_an_error(tmp_path):
    (tmp_path / "j").write_text("hello\nworld\n", encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        Journal(tmp_path / "j", {})
