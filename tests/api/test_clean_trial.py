import json
from dataclasses import replace

import pytest

import weitiao
from weitiao.api import trial as trials
from weitiao.api.clean_trial import PairedCleaners
from weitiao.data.prepare.load import load
from weitiao.errors import DataError
from weitiao.evaluation.compare import compare
from weitiao.model.model import Model

ROWS = [
    {"text": f"<b>we</b> {verb} to Paris by {way} on day {at}", "label": label}
    for at in range(12)
    for verb, label in (("flew", "good"), ("walked", "bad"))
    for way in ("plane", "train")
]


def better(*args, **settings):
    comparison = compare(*args, **settings)
    gap = comparison.gaps[0]
    change = replace(gap.change, value=0.2, low=0.1, high=0.3)
    return replace(comparison, gaps=(replace(gap, change=change),), rows=1000, differ=99)


def test_a_trial_compares_each_cleaner_and_plans_those_that_help(tiny_bert, tmp_path, monkeypatch):
    names = ["html", "lower_case", "links"]
    trial = weitiao.try_cleaners(ROWS, cleaners=names, seeds=2, model=tiny_bert)
    assert [one.step for one in trial.tried] == ["html", "lower_case"]
    assert [*trial.skipped] == ["links"]  # there are none
    assert all(one.low <= one.gain <= one.high for one in trial.tried)
    assert all(one.new_rows == trial.rows for one in trial.tried)  # every text has a tag
    json.dumps(trial.to_json())

    monkeypatch.setattr(trials, "compare", better)
    trial = weitiao.try_cleaners(ROWS, cleaners={"html": {}}, seeds=2, model=tiny_bert)
    assert trial.plan.data.cleaners == {"html": {}}
    assert "+0.2000 (+0.1000 to +0.3000)" in trial.plan.why["data.cleaners"].evidence
    trial.plan.save(tmp_path / "plan.yaml")
    assert weitiao.Plan.load(tmp_path / "plan.yaml").data.cleaners == {"html": {}}


def test_texts_to_answer_are_cleaned_too_and_none_stays_as_it_is(tiny_bert, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    plan = weitiao.plan(file, model=tiny_bert)
    data = load(plan.data, plan.task_name)
    fits = PairedCleaners(plan, data, Model.start(plan, data.train, data.validation), False)
    (example,) = data.validation.take([0]).examples()
    cleaned = fits._started({"html": {}}, data.train).clean([example])[0]
    assert "<b>" in example.inputs["text"]
    assert "<b>" not in cleaned.inputs["text"]
    assert fits._started({}, data.train).clean([example])[0].inputs == example.inputs


def test_cleaners_that_cannot_be_tried_are_refused(tiny_bert):
    with pytest.raises(DataError, match=r"links \(it changes no text of these rows\)"):
        weitiao.try_cleaners(ROWS, cleaners=["links"], model=tiny_bert)
    with pytest.raises(DataError, match="htm"):
        weitiao.try_cleaners(ROWS, cleaners=["htm"], model=tiny_bert)
