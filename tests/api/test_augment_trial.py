import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import weitiao
from weitiao.api import trial as trials
from weitiao.api.trial import PairedFits
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.evaluation.compare import compare
from weitiao.evaluation.metrics.regression import Rmse
from weitiao.tasks.answers.numbers import Numbers

ROWS = [
    {"text": f"we {verb} to Paris by {way} on day {at}", "label": label}
    for at in range(12)
    for verb, label in (("flew", "good"), ("walked", "bad"))
    for way in ("plane", "train")
]


def test_a_trial_compares_each_step_and_plans_those_that_help(tiny_bert, tmp_path, monkeypatch):
    trial = weitiao.try_steps(ROWS, steps=["aeda", "random_edits"], seeds=2, model=tiny_bert)
    assert [one.step for one in trial.tried] == ["aeda", "random_edits"]
    assert all(one.low <= one.gain <= one.high for one in trial.tried)
    assert all(one.new_rows > 0 and one.kept == (one.low > 0) for one in trial.tried)
    json.dumps(trial.to_json())
    if not any(one.kept for one in trial.tried):
        assert trial.plan.data.steps == {}

    def better(*args, **settings):
        comparison = compare(*args, **settings)
        gap = comparison.gaps[0]
        change = replace(gap.change, value=0.2, low=0.1, high=0.3)
        return replace(comparison, gaps=(replace(gap, change=change),), rows=1000, differ=99)

    monkeypatch.setattr(trials, "compare", better)
    trial = weitiao.try_steps(ROWS, steps={"aeda": {"times": 2}}, seeds=2, model=tiny_bert)
    assert trial.tried[0].kept
    assert trial.plan.data.steps == {"aeda": {"times": 2}}
    reason = trial.plan.why["data.steps"]
    assert "+0.2000 (+0.1000 to +0.3000)" in reason.evidence
    trial.plan.save(tmp_path / "plan.yaml")
    assert weitiao.Plan.load(tmp_path / "plan.yaml").data.steps == {"aeda": {"times": 2}}


def test_the_gain_of_an_error_is_turned():
    gold = np.arange(200, dtype=float)
    noise = np.random.default_rng(0).normal(size=(4, 200))
    sets = [Numbers(gold, gold + (3 if at < 2 else 1) * noise[at]) for at in range(4)]
    comparison = compare(sets[:2], sets[2:], {"rmse": Rmse()}, paired=True)
    fits = SimpleNamespace(seconds={"": [1.0], "x": [3.0]}, rows={"": [5], "x": [9]})
    judged = PairedFits._judged(fits, "x", comparison)
    assert judged.kept
    assert 0 < judged.low < judged.gain < judged.high
    assert (judged.seconds, judged.new_rows) == (2.0, 4.0)


def test_fine_tuning_is_timed_once(tiny_bert, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(trials.time, "monotonic", lambda: clock[0])
    fits = PairedFits.__new__(PairedFits)
    fits.fine_tune, fits.size = True, 10
    fits.answers, fits.seconds, fits.rows = {}, {}, {}

    def tuned(*args):
        clock[0] += 5

    def counted(rows, *args):
        clock[0] += 100
        return rows

    monkeypatch.setattr(fits, "_tuned", tuned, raising=False)
    monkeypatch.setattr(trials, "run_steps", counted)
    monkeypatch.setattr(trials, "answers_of", lambda *args: (0, 0, None))
    rows = from_rows(ROWS, "a")
    rows = Rows(rows.table, everything(rows.table), {"text": "text", "target": "label"}, "a",
                "classification")  # fmt: skip
    fits.plan = SimpleNamespace(train=SimpleNamespace(seed=1), data=SimpleNamespace(steps={}))
    fits.data = SimpleNamespace(train=rows, validation=rows)
    fits.run(0, "aeda", {"aeda": {}})
    assert fits.seconds == {"aeda": [5.0]}
    assert fits.rows == {"aeda": [10]}


def test_steps_that_do_not_fit_are_named_or_refused(tiny_bert):
    with pytest.raises(DataError, match="entity_swap"):
        weitiao.try_steps(ROWS, steps=["entity_swap"], model=tiny_bert)
