"""weitiao tune on trainings of a tiny network: files, resume, the sealed test, limits, budgets."""

import csv

import pytest

import weitiao
from conftest import toy_plan, toy_rows
from weitiao.api import tune as searching
from weitiao.api import tune_trials
from weitiao.data.prepare import sealed
from weitiao.data.prepare.load import load
from weitiao.errors import RunError, WeitiaoError
from weitiao.planfile.plan import Plan
from weitiao.tuning import search
from weitiao.tuning.objective import Result
from weitiao.tuning.outcome import Compared

SPACE = {"train.learning_rate": "1e-4..1e-2:log", "train.epochs": "2..4"}


@pytest.fixture(autouse=True)
def _few_seeds(monkeypatch):
    """Two fresh seeds instead of five: a fourth of the time."""
    monkeypatch.setattr(search, "SEEDS", 2)
    monkeypatch.setattr(search, "MORE_SEEDS", 2)


@pytest.fixture
def planned(tiny_bert, tmp_path):
    """A plan in a file, with rows in another."""
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], row["label"]] for row in toy_rows("classification", 60))
    plan = toy_plan("classification", tiny_bert)
    changes = {"data.path": str(tmp_path / "rows.csv"), "train.linear_start": False,
               "train.learning_rate": 1e-4, "train.evaluations": 4}  # fmt: skip
    plan.with_(changes).save(tmp_path / "plan.yaml")
    return tmp_path / "plan.yaml"


def searched(plan, folder, trials=3, **more):
    return weitiao.tune(plan, budget="10m", space=SPACE, trials=trials, out=folder, **more)


def test_a_search_writes_a_plan_and_a_page_and_never_sees_the_test(planned, tmp_path, monkeypatch):
    def refuse(*words):
        raise AssertionError("the sealed test was opened")

    monkeypatch.setattr(sealed, "open_test", refuse)
    said = []
    tuned = searched(planned, tmp_path / "out", say=said.append)
    assert not sealed.openings_file().exists()
    assert tuned.trials[0].values == {}
    assert len(tuned.trials) == 3
    assert tuned.stopped in ("trials", "gain")
    assert {one.seed for one in tuned.fresh}.isdisjoint({13}), "fresh seeds are others"
    plan = Plan.load(tmp_path / "out" / "tuned.yaml")
    if tuned.winner:
        changed = tuned.best.values["train.learning_rate"]
        assert plan.train.learning_rate == changed
        assert "fresh seeds" in plan.why["train.learning_rate"].evidence
    else:
        assert plan == Plan.load(planned)
    page = (tmp_path / "out" / "tuning.html").read_text(encoding="utf-8")
    assert "train.learning_rate" in page
    assert "<script src" not in page
    summary = tuned.summary()
    assert summary["trials"][0]["number"] == 0
    assert summary["metric"] == "accuracy"
    # The same again: nothing is trained, the outcome is equal.
    before = tuned.summary()
    monkeypatch.setattr(tune_trials, "train", refuse)
    again = searched(planned, tmp_path / "out").summary()
    assert {k: v for k, v in again.items() if k != "seconds"} == {
        k: v for k, v in before.items() if k != "seconds"
    }
    with pytest.raises(RunError, match="space"):
        weitiao.tune(planned, budget="10m", space={"train.epochs": "2..3"}, out=tmp_path / "out")


@pytest.mark.slow
def test_a_search_stopped_in_a_training_goes_on_with_equal_results(planned, tmp_path, monkeypatch):
    whole = searched(planned, tmp_path / "whole", trials=4)
    true, steps = tune_trials._StopAt.__call__, [0]

    def killed(self, progress, left):
        steps[0] += 1
        if steps[0] == 60:
            raise MemoryError("as a kill would")
        return true(self, progress, left)

    monkeypatch.setattr(tune_trials._StopAt, "__call__", killed)
    with pytest.raises(MemoryError):
        searched(planned, tmp_path / "cut", trials=4)
    again = searched(planned, tmp_path / "cut", trials=4)

    def results(tuned):
        return [(one.values, one.state, [(r.epochs, r.score) for r in one.reached])
                for one in tuned.trials]  # fmt: skip

    assert results(again) == results(whole)
    assert [one.score for one in again.fresh] == [one.score for one in whole.fresh]


def test_ctrl_c_leaves_the_best_so_far(planned, tmp_path, monkeypatch):
    def reach(self, trial, epochs, until):
        if trial.number == 2:
            raise KeyboardInterrupt
        return Result(0.5 + 0.1 * trial.number, epochs, 1.0, epochs >= trial.epochs)

    monkeypatch.setattr(tune_trials.Trainings, "reach", reach)
    monkeypatch.setattr(tune_trials.Trainings, "fresh", lambda self, *words: (0.5, 1.0))
    with pytest.raises(KeyboardInterrupt, match="go on with the same command"):
        searched(planned, tmp_path / "out")
    best = Plan.load(tmp_path / "out" / "tuned.yaml")
    assert best.train.learning_rate != Plan.load(planned).train.learning_rate
    assert (tmp_path / "out" / "tuning.html").exists()


def test_fresh_seeds_are_compared_on_rows_that_chose_nothing(planned):
    plan = Plan.load(planned)
    data = load(plan.data, plan.task_name)
    fold, note = tune_trials.fresh_fold(plan.with_({"data.validation_size": 0.15}), data)
    if note:  # too few rows: a smaller validation part
        plan = plan.with_({"data.validation_size": 0.1})
        data = load(plan.data, plan.task_name)
        fold, note = tune_trials.fresh_fold(plan, data)
    assert not note
    ids = [set(rows.ids()) for rows in (fold.train, fold.validation, data.sealed_test)]
    assert not (ids[0] & ids[1])
    assert not (ids[0] & ids[2])
    assert not (ids[1] & ids[2])
    assert set(data.validation.ids()) <= ids[0]
    assert ids[0] | ids[1] == {*data.train.ids(), *data.validation.ids()}


def test_a_search_whose_journal_was_deleted_begins_anew(planned, tmp_path):
    """With another seed: scores of the trainings that lie there would be those of other plans."""
    before = searched(planned, tmp_path / "out")
    (tmp_path / "out" / "tuning.journal").unlink()
    changed = {"train.learning_rate": 1e-3, "train.epochs": 3}
    after = searched(planned, tmp_path / "out", changes=changed)
    whole = searched(planned, tmp_path / "other", changes=changed)
    assert [one.score for one in after.fresh] == [one.score for one in whole.fresh]
    assert [one.score for one in after.fresh] != [one.score for one in before.fresh]


def test_a_candidate_that_is_ahead_but_not_beyond_noise_has_a_plan(planned, tmp_path, monkeypatch):
    def compared(trial, *_others):
        number = trial.number
        return Compared(number, "accuracy", 0.5, 0.51, 0.01, -0.01, 0.03, 3, number == wins)

    def reach(self, trial, epochs, until):
        return Result(0.5 + 0.1 * trial.number, epochs, 1.0, epochs >= trial.epochs)

    wins = 0
    monkeypatch.setattr(searching, "_compared", compared)
    monkeypatch.setattr(tune_trials.Trainings, "reach", reach)
    monkeypatch.setattr(tune_trials.Trainings, "fresh", lambda self, *words: (0.5, 1.0))
    tuned = searched(planned, tmp_path / "out", trials=4)
    ahead = Plan.load(tmp_path / "out" / "candidate.yaml")
    values = tuned.trials[tuned.candidate.trial].values
    assert ahead.train.learning_rate == values["train.learning_rate"]
    assert "found by a search" in ahead.why["train.learning_rate"].reason
    kept = Plan.load(tmp_path / "out" / "tuned.yaml")
    assert kept.train.learning_rate == Plan.load(planned).train.learning_rate
    wins = tuned.candidate.trial  # what more time may show
    tuned = searched(planned, tmp_path / "out", trials=4)
    assert tuned.winner == wins
    assert not (tmp_path / "out" / "candidate.yaml").exists()


def test_a_plan_over_its_limit_is_refused_before_training(planned, tmp_path):
    with pytest.raises(WeitiaoError, match=r"over the limit.*model\.checkpoint"):
        searched(planned, tmp_path / "out", latency="0.001ms")


@pytest.mark.parametrize(("options", "problem"), [
    ({"budget": "soon"}, "is not a time"),
    ({"budget": 3}, "at least 10 s"),
    ({"budget": "1m", "latency": "fast"}, "write 20ms"),
    ({"budget": "1m", "memory": "much"}, "is not a size"),
    ({"budget": "1m", "space": {"train.seed": [1, 2]}}, "not searched"),
    ({"budget": "1m", "space": {"train.epoch": "1..3"}}, "epochs"),
])  # fmt: skip
def test_mistakes_are_named_before_anything_runs(options, problem, planned, tmp_path):
    with pytest.raises(WeitiaoError, match=problem):
        weitiao.tune(planned, out=tmp_path / "out", **options)


@pytest.mark.slow
def test_on_shuffled_labels_a_search_ends_early_and_says_so(tiny_bert, tmp_path):
    import random

    rows, labels = toy_rows("classification", 300), ["good", "bad"] * 150
    random.Random(3).shuffle(labels)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], label] for row, label in zip(rows, labels, strict=True))
    plan = toy_plan("classification", tiny_bert).with_({"data.path": str(tmp_path / "rows.csv")})
    said = []
    tuned = weitiao.tune(plan, budget="30m", trials=60, out=tmp_path / "out", say=said.append)
    assert tuned.stopped == "gain", said
    assert tuned.winner == 0
    assert len(tuned.trials) < 40
    assert "inside the noise" in " ".join(said)
