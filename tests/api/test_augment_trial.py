import json
from dataclasses import replace

import pytest

import weitiao
from weitiao.api import augment_trial
from weitiao.errors import DataError
from weitiao.evaluation.compare import compare

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

    monkeypatch.setattr(augment_trial, "compare", better)
    trial = weitiao.try_steps(ROWS, steps={"aeda": {"times": 2}}, seeds=2, model=tiny_bert)
    assert trial.tried[0].kept
    assert trial.plan.data.steps == {"aeda": {"times": 2}}
    reason = trial.plan.why["data.steps"]
    assert "+0.2000 (+0.1000 to +0.3000)" in reason.evidence
    trial.plan.save(tmp_path / "plan.yaml")
    assert weitiao.Plan.load(tmp_path / "plan.yaml").data.steps == {"aeda": {"times": 2}}


def test_steps_that_do_not_fit_are_named_or_refused(tiny_bert):
    with pytest.raises(DataError, match="entity_swap"):
        weitiao.try_steps(ROWS, steps=["entity_swap"], model=tiny_bert)
