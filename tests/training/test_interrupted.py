"""Ctrl-C at any moment: said to be interrupted, gone on with exactly, the test still sealed."""

import csv
import math
import signal

import pytest

import weitiao
from conftest import toy_data, toy_plan, toy_rows
from weitiao.api import seeds
from weitiao.data.prepare import sealed
from weitiao.run import Run
from weitiao.training import loop, update
from weitiao.training.run import train


@pytest.fixture
def stopped(monkeypatch):
    """Ctrl-C in the middle of judging validation, or of an update, for the `number`th time."""
    places = {"judging": (loop, "evaluate_network"), "learning": (update.UpdateStep, "gradients")}

    def at(place, number):
        owner, name = places[place]
        real, calls = getattr(owner, name), []

        def interrupted(*given):
            calls.append(name)
            if len(calls) == number:
                signal.raise_signal(signal.SIGINT)
            return real(*given)

        monkeypatch.setattr(owner, name, interrupted)

    return at


def plan_of(checkpoint, **changes):
    return toy_plan("classification", checkpoint, **{
        "train.epochs": 1, "train.evaluations": 3, "train.save_seconds": 1e9, **changes})  # fmt: skip


def new_run(folder, plan):
    folder.mkdir()
    plan.save(folder / "plan.yaml")
    return Run(folder)


def weights(run):
    return (run.best / "model.safetensors").read_bytes()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_ctrl_c_while_validation_is_judged_is_an_interruption(number, stopped, tiny_bert, tmp_path):
    plan = plan_of(tiny_bert, **{"train.strategies": {"ema": {"decay": 0.8}}})
    data = toy_data(plan, 80)
    unbroken, run = (new_run(tmp_path / name, plan) for name in ("unbroken", "stopped"))
    train(plan, data, unbroken)
    stopped("judging", number)
    outcome = train(plan, data, run)
    assert outcome.state == run.status().state == "interrupted"
    assert outcome.step == run.history()[-1]["step"]
    gone_on = train(plan, data, run, resume=True)
    assert gone_on.state == "finished"
    assert run.log_path.read_bytes() == unbroken.log_path.read_bytes()
    assert weights(run) == weights(unbroken)
    assert run.status().step == run.status().total == unbroken.status().step


def test_ctrl_c_while_validation_is_judged_leaves_the_test_sealed(stopped, tiny_bert, tmp_path):
    stopped("judging", 2)
    fitted = weitiao.fit(
        toy_rows("classification", 120), model=tiny_bert, out=tmp_path,
        changes={"train.epochs": 1, "train.evaluations": 3, "train.refit": "never",
                 "evaluate.baselines": False, "evaluate.findings": False},
    )  # fmt: skip
    assert (fitted.state, fitted.split, fitted.openings) == ("interrupted", "validation", 0)
    assert not sealed.openings_file().exists()
    assert weitiao.resume(fitted.run.folder).state == "finished"


def test_the_status_of_a_run_that_goes_on_tells_its_best(stopped, tiny_bert, tmp_path):
    plan = plan_of(tiny_bert, **{"train.epochs": 2, "train.evaluations": 2})
    data = toy_data(plan, 80)
    run = new_run(tmp_path / "run", plan)
    stopped("learning", math.ceil(2 * len(data.train) / plan.train.batch_size))
    first = train(plan, data, run)
    assert first.state == "interrupted"
    before = run.status()
    assert before.value is not None
    told = []

    def watch(progress, seconds):
        told.append(run.read("status"))

    second = train(plan, data, run, resume=True, watch=watch)
    assert (told[0]["metric"], told[0]["value"]) == (before.metric, before.value)
    assert second.score >= first.score


def test_ctrl_c_before_validation_was_judged_is_no_mistake_of_the_plan(
    stopped, tiny_bert, tmp_path
):
    plan = plan_of(tiny_bert, **{"train.evaluations": 1, "train.linear_start": False})
    data = toy_data(plan, 80)
    run = new_run(tmp_path / "run", plan)
    stopped("learning", 2)
    with pytest.raises(KeyboardInterrupt):
        train(plan, data, run)
    assert run.status().state == "interrupted"
    assert train(plan, data, run, resume=True).state == "finished"


def test_ctrl_c_in_the_first_updates_leaves_the_linear_model(stopped, tiny_bert, tmp_path):
    plan = plan_of(tiny_bert, **{"train.evaluations": 1})
    data = toy_data(plan, 80)
    run = new_run(tmp_path / "run", plan)
    stopped("learning", 2)
    outcome = train(plan, data, run)
    assert (outcome.state, outcome.best_step) == ("interrupted", 0)
    assert run.status().value is not None
    gone_on = train(plan, data, run, resume=True)
    assert gone_on.state == "finished"
    unbroken = new_run(tmp_path / "unbroken", plan)
    train(plan, data, unbroken)
    assert weights(run) == weights(unbroken)


def test_ctrl_c_before_validation_was_judged_tells_how_to_go_on(stopped, tiny_bert, tmp_path):
    stopped("learning", 2)
    with pytest.raises(KeyboardInterrupt, match="--resume") as caught:
        weitiao.fit(
            toy_rows("classification", 120), model=tiny_bert, out=tmp_path,
            changes={"train.epochs": 1, "train.evaluations": 1, "train.refit": "never",
                     "evaluate.baselines": False, "evaluate.findings": False,
                     "train.linear_start": False},
        )  # fmt: skip
    folder = str(caught.value).rpartition(" ")[2]
    assert weitiao.resume(folder).state == "finished"


def test_seeds_stopped_before_validation_was_judged_are_interrupted(stopped, tiny_bert, tmp_path):

    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [[row["text"], row["label"]] for row in toy_rows("classification", 100)]
        csv.writer(file).writerows([["text", "label"], *rows])
    plan = plan_of(tiny_bert, **{
        "data.path": str(tmp_path / "rows.csv"), "train.evaluations": 1,
        "train.linear_start": False, "evaluate.baselines": False, "evaluate.findings": False})  # fmt: skip
    stopped("learning", 2)
    with pytest.raises(KeyboardInterrupt) as caught:
        seeds.train_seeds(plan, seeds=2, out=tmp_path / "runs")
    folder = tmp_path / "runs" / "rows-001"
    assert str(caught.value) == f"go on: weitiao train --resume {folder}"
    assert Run.open(folder).status().state == "interrupted"
    assert seeds.resume_seeds(folder).state == "finished"


def test_the_status_of_a_run_killed_twice_keeps_its_best(stopped, tiny_bert, tmp_path):
    """The best model came after the checkpoint: the log that says so is cut, best/ is there."""
    plan = plan_of(
        tiny_bert, **{"train.epochs": 2, "train.evaluations": 2, "train.linear_start": False}
    )
    data = toy_data(plan, 80)
    run = new_run(tmp_path / "run", plan)
    half = math.ceil(len(data.train) / plan.train.batch_size)
    stopped("learning", 3)
    with pytest.raises(KeyboardInterrupt):
        train(plan, data, run)  # a checkpoint before any evaluation
    stopped("learning", half)

    def killed(progress, seconds):
        if progress.report is not None:
            run.write("status", {**run.read("status"), "step": progress.step, "metric": "accuracy",
                                 "value": progress.report.metrics["accuracy"]})  # fmt: skip
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(plan, data, run, resume=True, watch=killed)
    best = run.status().value
    assert best is not None
    told = []
    train(plan, data, run, resume=True, watch=lambda *_: told.append(run.read("status")["value"]))
    assert told[0] == best


def test_ctrl_c_before_training_begins_tells_how_to_go_on(tiny_bert, tmp_path, monkeypatch):
    def pressed(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="--resume") as stop:
        patch.setattr("weitiao.api.budget.clock_of", pressed)
        weitiao.fit(
            toy_rows("classification", 60), model=tiny_bert, out=tmp_path,
            changes={"train.epochs": 1, "evaluate.baselines": False, "evaluate.findings": False},
        )  # fmt: skip
    assert weitiao.resume(str(stop.value).rpartition(" ")[2]).state == "finished"
