import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import weitiao
from weitiao import parts
from weitiao.api import trial as trials
from weitiao.api.inputs import source_of, wish_of
from weitiao.api.trial import PairedFits, Tried
from weitiao.cli.show_trial import finish
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.evaluation.compare import compare
from weitiao.model.model import Model
from weitiao.planning.advise import advise
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
    plan = SimpleNamespace(evaluate=SimpleNamespace(metrics=["rmse"]))
    fits = PairedFits.__new__(PairedFits)
    fits.plan, fits.model = plan, SimpleNamespace(task=parts.build("tasks", "regression", {}))
    fits.answers = {"": sets[:2], "x": sets[2:]}
    fits.seconds, fits.rows = {"": [1.0], "x": [3.0]}, {"": [5], "x": [9]}
    judged = fits._judged("x", 1)
    assert judged.kept
    assert 0 < judged.low < judged.gain < judged.high
    assert (judged.seconds, judged.new_rows) == (2.0, 4.0)


def test_fine_tuning_is_timed_once(tiny_bert, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(trials.time, "monotonic", lambda: clock[0])
    fits = PairedFits.__new__(PairedFits)
    fits.fine_tune = True

    def tuned(*args):
        clock[0] += 5

    def counted(rows, *args):
        clock[0] += 100
        return rows

    monkeypatch.setattr(fits, "_tuned", tuned, raising=False)
    monkeypatch.setattr(trials, "run_steps", counted)
    fits.train = rows_of(ROWS)
    fits.plan = SimpleNamespace(data=SimpleNamespace(steps={}))
    _model, seconds, count = fits.learn(np.arange(10), {"aeda": {}}, 1)
    assert (seconds, count) == (5.0, 10)


def rows_of(rows):
    table = from_rows(rows, "a").table
    return Rows(table, everything(table), {"text": "text", "target": "label"}, "a",
                "classification")  # fmt: skip


def test_each_row_is_answered_by_a_model_that_has_not_seen_it_nor_its_copies(
    tiny_bert, monkeypatch
):
    rows = [dict(row, group=f"day {at // 4}") for at, row in enumerate(ROWS)]
    path, source = source_of(rows, None)
    wish = wish_of(path, {"model": tiny_bert, "roles": {"group": "group"}})
    advice = advise(wish, source)
    data = load(advice.plan.data, advice.plan.task_name, advice.source)
    model = Model.start(advice.plan, data.train, data.validation)
    fits = PairedFits(advice.plan, data, model, False)
    learned = []
    learn = fits.learn
    monkeypatch.setattr(
        fits, "learn", lambda at, *more: (learned.append(set(at.tolist())), learn(at, *more))[1]
    )
    fits.run(0, "", {})
    fits.run(1, "", {})
    groups = fits.train.table.column("group")
    groups = [groups[int(at)] for at in fits.train.indices]
    everyone = set(range(len(fits.train)))
    for one in learned:
        assert not {str(groups[at]) for at in one} & {str(groups[at]) for at in everyone - one}
    for seed in (learned[: trials.FOLDS], learned[trials.FOLDS :]):
        assert sorted(at for one in seed for at in everyone - one) == sorted(everyone)
    assert learned[: trials.FOLDS] != learned[trials.FOLDS :]
    gold = [str(target) for target in fits.train.targets()]
    names = np.array(fits.answers[""][0].labels)
    for answers in fits.answers[""]:
        assert names[answers.targets].tolist() == gold


def tried(step, gain, kept=True):
    return Tried(step, gain, gain - 0.01, gain + 0.01, 1.0, 5.0, kept)


def test_changes_that_help_alone_are_kept_together_only_where_that_gains_more():
    alone = [tried("aeda", 0.02), tried("typos", 0.03), tried("synonyms", -0.1, kept=False)]
    both, together = trials._together_or_best(alone, tried(trials.TOGETHER, 0.04))
    assert [one.step for one in both if one.kept] == ["aeda", "typos"]
    assert together.kept
    one, together = trials._together_or_best(alone, tried(trials.TOGETHER, 0.03))
    assert [it.step for it in one if it.kept] == ["typos"]
    assert not together.kept


def test_steps_that_are_kept_together_are_shown_so_and_stand_alone_in_the_plan(
    tiny_bert, monkeypatch, capsys
):
    gains = {"aeda": 0.02, "random_edits": 0.03, trials.TOGETHER: 0.05}
    monkeypatch.setattr(PairedFits, "_judged", lambda self, name, count: tried(name, gains[name]))
    trial = weitiao.try_steps(ROWS, steps=["aeda", "random_edits"], seeds=2, model=tiny_bert)
    assert [one.step for one in trial.tried] == ["aeda", "random_edits"]
    assert trial.together.gain == 0.05
    assert [*trial.plan.data.steps] == ["aeda", "random_edits"]
    assert "together: " in trial.plan.why["data.steps"].evidence
    assert trial.to_json()["together"]["kept"]
    finish(trial, None, False)
    said = capsys.readouterr().err
    assert "together" in said
    assert "data.steps of the plan: aeda, random_edits" in said


def test_steps_that_do_not_fit_are_named_or_refused(tiny_bert):
    with pytest.raises(DataError, match="entity_swap"):
        weitiao.try_steps(ROWS, steps=["entity_swap"], model=tiny_bert)


def test_steps_that_refuse_the_rows_themselves_are_skipped(tiny_bert):
    pairs = [
        {"premise": row["text"], "hypothesis": f"by {row['text'].split()[5]}", "label": at % 2}
        for at, row in enumerate(ROWS)
    ]
    roles = {"premise": "premise", "hypothesis": "hypothesis", "target": "label"}
    options = {"seeds": 2, "model": tiny_bert, "task": "nli", "roles": roles}
    trial = weitiao.try_steps(pairs, **options)
    assert "premise, hypothesis" in trial.skipped["mixed_rows"]
    assert "aeda" in {one.step for one in trial.tried}
    with pytest.raises(DataError, match="premise, hypothesis"):
        weitiao.try_steps(pairs, steps=["mixed_rows"], **options)


def test_a_trial_without_any_step_that_fits_says_why(tiny_bert):
    shared = [{**row, "p_good": 0.9, "p_bad": 0.1} for row in ROWS]
    roles = {"text": "text", "target": "label", "probabilities": ["p_good", "p_bad"]}
    with pytest.raises(DataError, match="no step can be tried: .*no shares of labels"):
        weitiao.try_steps(shared, seeds=2, model=tiny_bert, roles=roles)
