"""The model that validation chose is trained once more on training and validation rows."""

import json
import math
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

import weitiao
from conftest import toy_plan, toy_rows
from weitiao.api import refit, single_run
from weitiao.data.prepare.load import joined
from weitiao.hardware.probe import pinned_precision
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.training import loop, recorder
from weitiao.training.linear_start import fit_output_layer
from weitiao.training.run import training_feed, validation_feed

QUICK = {
    "evaluate.baselines": False, "evaluate.findings": False, "evaluate.bootstrap_samples": 20,
    "data.test_size": 0.2, "data.validation_size": 0.3, "train.epochs": 6,
    "train.learning_rate": 4e-3, "train.evaluations": 3, "model.dropout": 0.0,
    "train.refit": "auto",
}  # fmt: skip


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


@pytest.fixture(scope="module")
def rows_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "toy.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in toy_rows("classification", 120)))
    return str(path)


@pytest.fixture(scope="module")
def plan(tiny_bert, rows_file):
    return toy_plan("classification", tiny_bert, **{**QUICK, "data.path": rows_file})


def trained(plan, tmp_path, name="runs", **changes):
    return weitiao.train(plan, changes=changes, out=tmp_path / name)


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory):
    """A run with its refit, which nobody has interrupted."""
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(root / "cache"))
        patch.setenv("WEITIAO_STATE", str(root / "state"))
        return trained(plan, root)


def test_all_rows_and_a_schedule_as_long_as_they_ask_for(plan, tmp_path):
    """Against a loop of its own, without calibration."""
    plan = plan.with_({"evaluate.calibration": False, "train.strategies": {"ema": {"decay": 0.5}}})
    fitted = trained(plan, tmp_path)
    record = json.loads((fitted.run.folder / "refit.json").read_text())
    data = single_run.load_data(plan.data, plan.task_name)
    rows = joined(data.train, data.validation)
    assert record["state"] == "done"
    assert record["rows"] == len(rows) == len(data.train) + len(data.validation)
    ratio = record["rows"] / record["train_rows"]
    best = [line["step"] for line in fitted.run.history() if line.get("best")][-1]
    assert record["updates"] == round(best * ratio)
    assert record["horizon"] == round(record["total"] * ratio)

    assert record["updates"] > 0
    epochs = (record["horizon"] - 0.5) * plan.train.batch_size / len(rows)
    same_plan = plan.with_({"train.epochs": epochs, "train.evaluations": record["horizon"]})
    with pinned_precision("fp32"):
        model = Model.start(same_plan, rows)
        feed = training_feed(model, rows)
        fit_output_layer(model, feed, model.loss()).put_into(model)
        steps = loop.fit(model, feed, validation_feed(model, rows), Accelerator(cpu=True))
        with closing(steps):
            for progress in steps:
                if progress.report and progress.step == record["updates"]:
                    assert progress.total == record["horizon"]
                    model.save(tmp_path / "direct")
                    progress.stop()
    assert same(weights(tmp_path / "direct"), weights(fitted.run.best))
    assert not same(weights(fitted.run.selected), weights(fitted.run.best))
    assert not (fitted.run.folder / "refit").exists()


def test_validation_figures_stay_those_of_the_selected_model(plan, whole, tmp_path):
    without = trained(plan, tmp_path, "without", **{"train.refit": "never"})
    run = Run(Path(shutil.copytree(whole.run.folder, tmp_path / "copy")))
    fitted = replace(whole, run=run)
    assert fitted.metrics == without.metrics
    assert same(weights(fitted.run.selected), weights(without.run.best))
    assert not without.run.selected.exists()
    assert "refit" not in without.summary()
    told = fitted.summary()["refit"]
    assert (told["done"], told["evaluated"]) == (True, "selected")
    again = weitiao.evaluate(fitted.run.folder)
    assert again.report.metrics == fitted.metrics
    final = weitiao.evaluate(fitted.run.folder, final=True)
    assert final.report.more["refit"]["evaluated"] == "refit"
    data = single_run.load_data(plan.data, plan.task_name)
    scores = Model.load(fitted.run.best).predict_proba(
        [one.inputs["text"] for one in data.sealed_test.examples()]
    )
    right = [
        Model.load(fitted.run.best).task.choices[row.argmax()] == one.target
        for row, one in zip(scores, data.sealed_test.examples(), strict=True)
    ]
    assert final.report.metrics["accuracy"] == pytest.approx(sum(right) / len(right))


def test_temperature_and_thresholds_are_taken_over(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("weitiao.api.calibrate.refusal_of", lambda *_: {})  # few rows
    decisions = {"evaluate.decisions": {"at_recall": {"label": "good", "recall": 0.9}}}
    plain = trained(plan, tmp_path, "plain", **decisions, **{"evaluate.calibration": False})
    fitted = trained(plan, tmp_path, **decisions)
    calibration = fitted.run.read("calibration")
    temperature = calibration["temperature"]
    assert temperature != 1.0
    assert fitted.summary()["refit"]["temperature"] == temperature
    kept, before = weights(fitted.run.best), weights(plain.run.best)
    assert torch.allclose(kept["classifier.weight"] * temperature, before["classifier.weight"])
    assert torch.equal(kept["bert.pooler.dense.weight"], before["bert.pooler.dense.weight"])
    chosen = Model.load(fitted.run.selected).task.thresholds
    assert chosen
    assert Model.load(fitted.run.best).task.thresholds == chosen

    weitiao.calibrate(fitted.run.folder, {})
    assert not Model.load(fitted.run.best).task.thresholds
    temperature, kept = fitted.run.read("calibration")["temperature"], weights(fitted.run.best)
    assert torch.allclose(kept["classifier.weight"] * temperature, before["classifier.weight"])


def interrupted_at(monkeypatch, step, error):
    """The refit breaks at a step, with a checkpoint after each update."""
    real, calls = recorder.Recorder.handle, []

    def handle(self, progress, model, plan, stop_requested):
        real(self, progress, model, plan, stop_requested)
        if self.run.folder.name == refit.FOLDER and progress.step == step and not calls:
            calls.append(step)
            raise error

    monkeypatch.setattr(recorder.Recorder, "handle", handle)


@pytest.mark.parametrize("save", [0.0, pytest.param(1e9, marks=pytest.mark.slow)])
def test_a_refit_that_is_cut_short_goes_on_to_the_same_end(
    plan, whole, tmp_path, monkeypatch, save
):
    plan = plan.with_({"train.save_seconds": save})
    interrupted_at(monkeypatch, 9, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt, match="train --resume"):
        trained(plan, tmp_path)
    run = Run.open(tmp_path / "runs" / "toy-001")
    assert run.status().state == "interrupted"
    assert same(weights(run.best), weights(whole.run.selected))
    inner = Run(run.folder / refit.FOLDER)
    assert inner.last.exists() == (save == 0.0)
    fitted = weitiao.resume(run.folder)
    assert fitted.state == "finished" == run.status().state
    assert same(weights(run.best), weights(whole.run.best))
    assert same(weights(run.selected), weights(whole.run.selected))
    assert fitted.metrics == whole.metrics
    assert fitted.summary()["refit"] == whole.summary()["refit"]
    assert run.log_path.read_bytes() == whole.run.log_path.read_bytes()
    with pytest.raises(weitiao.WeitiaoError, match="has ended"):
        weitiao.resume(run.folder)


def test_a_kill_while_the_new_model_is_swapped_in(plan, whole, tmp_path, monkeypatch):
    """What a killed process leaves: status "running" of a dead one, refit/ whole, best/ new."""
    monkeypatch.setattr(shutil, "rmtree", lambda *a, **k: (_ for _ in ()).throw(SystemExit()))
    real = refit.Refitted.write

    def write(self, run):
        if self.state == "done":
            raise SystemExit  # no handler of the product's
        real(self, run)

    monkeypatch.undo()
    monkeypatch.setattr(refit.Refitted, "write", write)
    with pytest.raises(SystemExit):
        trained(plan, tmp_path)
    monkeypatch.undo()
    run = Run.open(tmp_path / "runs" / "toy-001")
    weitiao.resume(run.folder)
    assert same(weights(run.best), weights(whole.run.best))
    assert same(weights(run.selected), weights(whole.run.selected))


def test_a_refit_that_diverges_is_left_out(plan, tmp_path, monkeypatch):
    interrupted_at(monkeypatch, 3, weitiao.errors.DivergedError("nan"))
    said = []
    fitted = weitiao.train(plan, out=tmp_path, say=said.append)
    assert fitted.summary()["refit"]["done"] is False
    assert any("diverged" in line for line in said)
    assert same(weights(fitted.run.best), weights(fitted.run.selected))
    assert fitted.state == fitted.run.status().state == "finished"


def test_when_it_is_left_out(plan, tmp_path, monkeypatch):
    data = single_run.load_data(plan.data, plan.task_name)
    fitted = trained(plan, tmp_path, **{"train.refit": "never"})
    outcome = single_run.Outcome(fitted.model, "finished", 20, 20, 10.0, 1.0)
    outcome = replace(outcome, start_seconds=2.0, update_seconds=0.4)

    def planned(left=math.inf, **changes):
        changed = plan.with_(changes)
        return refit.plan_refit(fitted.run, changed, data, outcome, single_run.Calibration(), left)

    assert planned().state == "running"
    ratio = planned().rows / planned().train_rows
    needed = refit.MARGIN * (2.0 * ratio + planned().updates * 0.4)
    assert planned(needed + 0.1).state == "running"
    assert planned(needed - 0.1).state == "left_out"
    assert "budget" in planned(needed - 0.1).reason
    assert planned(**{"train.refit": "never"}).state == ""
    assert planned(**{"data.validation_path": "other.jsonl"}).state == ""
    forced = {"train.refit": "always", "data.validation_path": "other.jsonl"}
    assert planned(**forced).state == "running"
    monkeypatch.setattr(refit, "REFIT_ROWS", planned().rows)
    assert planned().state == ""
    assert planned(needed + 0.1).state == "running"  # a budget has time left
    assert planned(needed - 0.1).state == ""
    assert planned(**{"train.refit": "always"}).state == "running"
    monkeypatch.setattr(refit, "world", lambda: 2)
    assert "one process" in planned(**{"train.refit": "always"}).reason


def test_no_updates_leaves_the_linear_output_layer_on_all_rows(plan, tmp_path):
    """Where the frozen network was best, only the output layer is fitted again."""
    fitted = trained(plan, tmp_path, **{"train.learning_rate": 1e-12, "train.warmup_ratio": 0.9})
    run, data = fitted.run, single_run.load_data(plan.data, plan.task_name)
    run_plan = run.plan()
    said = refit.Refitted(state="running", rows=96, train_rows=60, updates=0, horizon=24)
    shutil.rmtree(run.selected)
    run.keep_selected()
    said.write(run)
    kept = refit.Refit(run, run_plan, data, lambda text: None, None)
    model = kept._refitted(said, Model.load(run.selected), single_run.Calibration())
    start = Model.start(run_plan, joined(data.train, data.validation))
    feed = training_feed(start, joined(data.train, data.validation))
    fit_output_layer(start, feed, start.loss()).put_into(start)
    wanted = start.state()
    found = model.state()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_rows_of_a_validation_file_are_joined(plan, tmp_path):
    other = tmp_path / "other.jsonl"
    rows = toy_rows("classification", 30, seed=5)
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = plan.with_({"data.validation_path": str(other)})
    data = single_run.load_data(plan.data, plan.task_name)
    both = joined(data.train, data.validation)
    examples = [*data.train.examples(), *data.validation.examples()]
    assert [one.inputs for one in both.examples()] == [one.inputs for one in examples]
    assert both.targets() == [one.target for one in examples]
    assert both.ids() == [one.id for one in examples]
    fitted = trained(plan, tmp_path, **{"train.refit": "always"})
    assert fitted.summary()["refit"]["rows"] == len(examples)
