"""Several seeds: one folder, a spread, seeds that learned nothing, interruptions."""

import csv
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import weitiao
from conftest import toy_plan, toy_rows
from weitiao import parts
from weitiao.api import single_run
from weitiao.api.seeds import Seeded
from weitiao.cli.app import app
from weitiao.data.prepare import sealed
from weitiao.errors import WeitiaoError
from weitiao.evaluation.compare import degenerate
from weitiao.run import Run, runs
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels


@pytest.fixture
def plan(tiny_bert, tmp_path):
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [[row["text"], row["label"]] for row in toy_rows("classification", 300)]
        csv.writer(file).writerows([["text", "label"], *rows])
    return toy_plan("classification", tiny_bert, **{
        "data.path": str(tmp_path / "rows.csv"), "train.epochs": 2, "train.learning_rate": 2e-3,
        "train.evaluations": 3, "evaluate.bootstrap_samples": 20, "evaluate.baselines": False,
        "data.validation_size": 0.3, "evaluate.findings": False,
    })  # fmt: skip


def test_seeds_differ_in_the_seed_alone_and_the_folder_is_the_best_of_them(plan, tmp_path):
    found = weitiao.train(plan, seeds=3, out=tmp_path / "runs")
    folder = found.run.folder
    inside = runs(folder / "seeds")
    assert [run.plan().train.seed for run in inside] == [13, 14, 15]
    assert len({run.plan().with_({"train.seed": 0}).model_dump_json() for run in inside}) == 1
    told = json.loads((folder / "seeds.json").read_text(encoding="utf-8"))
    scores = [one["validation"] for one in told["runs"]]
    assert scores == [run.read("metrics")["metrics"]["accuracy"] for run in inside]
    assert told["validation"]["mean"] == pytest.approx(np.mean(scores))
    assert told["validation"]["std"] == pytest.approx(np.std(scores, ddof=1))
    best = max(told["runs"], key=lambda one: one["validation"])["folder"]
    assert told["best"] == best
    model, same = weitiao.load(folder), weitiao.load(folder / "seeds" / best)
    assert model("a good film") == same("a good film")
    assert Run.open(folder).plan().train.seed == same.plan.train.seed
    report, split, _ = weitiao.evaluate(folder)
    assert (split, report.metrics["accuracy"]) == ("validation", max(scores))
    assert (folder / "report.html").is_file()
    assert not list((folder / "seeds").glob("*/last")), "an ended seed keeps no checkpoint"
    assert [run.folder for run in runs(tmp_path / "runs")] == [folder]
    assert not sealed.openings_file().exists()


def test_all_seeds_are_judged_in_one_look_at_the_test(plan, tmp_path):
    folder = weitiao.train(plan, seeds=2, out=tmp_path / "runs").run.folder
    weitiao.evaluate(folder, final=True)
    record = Seeded.read(folder).record
    assert sealed.openings_file().read_text(encoding="utf-8").count("\n") == 1
    tests = [one.test for one in record.runs]
    assert record.test.mean == pytest.approx(np.mean(tests))
    assert Run.open(folder).read("metrics")["split"] == "test"
    compared = weitiao.compare(folder, folder)
    assert compared.aligned.contenders[0].kind == "recipe"
    assert compared.verdict == "same"


def test_the_gate_is_about_the_best_of_several_seeds(plan, tmp_path):
    """Its exit code was always 0."""
    quick = plan.with_({"train.epochs": 1, "train.evaluations": 1, "evaluate.findings": False,
                        "acceptance": {"accuracy": {"at_least": 0.0}}})  # fmt: skip
    folder = weitiao.train(quick, seeds=2, out=tmp_path / "runs").run.folder
    words = ["evaluate", str(folder), "--final", "--gate"]
    assert CliRunner().invoke(app, words).exit_code == 0
    path = folder / "plan.yaml"
    asked = path.read_text(encoding="utf-8").replace("at_least: 0.0", "at_least: 1.0")
    path.write_text(asked, encoding="utf-8")
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 4, done.output
    (verdict,) = json.loads(done.stdout.splitlines()[-1])["acceptance"]
    assert not verdict["passed"]
    assert "not accepted" in done.stderr


@pytest.mark.slow
def test_fit_with_seeds_on_the_command_line(tiny_bert, plan, tmp_path):
    words = ["fit", str(tmp_path / "rows.csv"), "--model", tiny_bert, "--seeds", "2", "--json",
             "--out", str(tmp_path / "runs"), "train.epochs=2", "train.learning_rate=3e-3",
             "evaluate.baselines=false", "evaluate.bootstrap_samples=20"]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert len(told["runs"]) == 2
    assert all(one["test"] is not None for one in told["runs"])
    out = tmp_path / "answers.csv"
    done = CliRunner().invoke(
        app, ["predict", told["run"], str(tmp_path / "rows.csv"), "-o", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert out.is_file()


@pytest.mark.slow
def test_a_seed_that_learned_nothing_is_replaced_and_said(plan, tmp_path, monkeypatch):
    train, said = single_run.train_run, []

    def lame(plan, **settings):
        """The second seed cannot learn: its rate is nothing."""
        rate = 1e-12 if plan.train.seed == 14 else plan.train.learning_rate
        return train(plan.with_({"train.learning_rate": rate}), **settings)

    monkeypatch.setattr(single_run, "train_run", lame)
    able = plan.with_({"train.epochs": 12, "train.learning_rate": 5e-3})
    found = weitiao.train(able, seeds=2, out=tmp_path / "runs", say=said.append)
    told = {one.seed: one.replaced for one in found.record.runs}
    assert told == {13: False, 14: True, 15: False}
    assert any("seed 14 learned nothing" in line for line in said)
    kept = [one.validation for one in found.record.valid]
    assert found.record.validation.mean == pytest.approx(np.mean(kept))
    contender = weitiao.compare(found.run.folder, found.run.folder).aligned.contenders[0]
    assert len(contender.sets) == 2, "a replaced seed is no part of the recipe"


@pytest.mark.slow
def test_an_interrupted_one_goes_on_and_keeps_what_is_done(plan, tmp_path, monkeypatch):
    train, calls = single_run.train_run, []

    def killed(plan, **settings):
        calls.append(plan.train.seed)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(plan, **settings)

    monkeypatch.setattr(single_run, "train_run", killed)
    with pytest.raises(KeyboardInterrupt):
        weitiao.train(plan, seeds=3, out=tmp_path / "runs")
    (folder,) = (run.folder for run in runs(tmp_path / "runs"))
    first = (folder / "seeds/rows-001/metrics.json").read_bytes()
    found = weitiao.resume(folder)
    assert calls == [13, 14, 14, 15]
    assert (folder / "seeds/rows-001/metrics.json").read_bytes() == first
    assert [one.seed for one in found.record.runs] == [13, 14, 15]
    with pytest.raises(WeitiaoError, match="has ended"):
        weitiao.resume(folder)


def test_the_test_stays_sealed_while_seeds_are_missing(plan, tmp_path, monkeypatch):
    """It was opened, and the seeds that were missing could never be trained."""
    train = single_run.train_run

    def stopped(plan, **settings):
        if plan.train.seed == 14:
            raise KeyboardInterrupt
        return train(plan, **settings)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(single_run, "train_run", stopped)
        weitiao.train(plan, seeds=2, out=tmp_path / "runs")
    folder = tmp_path / "runs" / "rows-001"
    with pytest.raises(
        WeitiaoError, match="1 of 2 seeds are trained; .* missing. Go on first: .* --resume"
    ):
        weitiao.evaluate(folder, final=True)
    assert not sealed.openings_file().exists()
    assert Run.open(folder).status().state == "interrupted"
    assert len(weitiao.resume(folder).record.runs) == 2


def test_a_seed_cut_short_is_resumed(plan, tmp_path):
    whole = weitiao.train(plan, seeds=2, out=tmp_path / "whole")
    folder = tmp_path / "runs" / "rows-001"
    shutil.copytree(whole.run.folder, folder)
    told = json.loads((folder / "seeds.json").read_text(encoding="utf-8"))
    told = {"asked": 2, "seed": 13, "final": False, "runs": told["runs"][:1], "metric": "accuracy"}
    (folder / "seeds.json").write_text(json.dumps(told), encoding="utf-8")
    second = Run(folder / "seeds" / "rows-002")
    second.write("status", {"state": "interrupted"})
    second.log_path.unlink()
    found = weitiao.resume(folder)
    assert found.record.runs[1].validation == whole.record.runs[1].validation


def judged(right: float, seed: int, rows: int = 200) -> Answers:
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(0).integers(0, 2, rows)
    given = np.where(generator.random(rows) < right, truth, 1 - truth)
    return Labels(truth, given, np.zeros((rows, 0)), ("a", "b"))


def test_degenerate_is_no_better_than_a_constant_where_others_are():
    metric = parts.build("metrics", "accuracy")
    constant = judged(0.9, 1).constant()
    assert degenerate([judged(0.9, 1), constant, judged(0.88, 2)], constant, "accuracy", metric) == [
        False, True, False]  # fmt: skip
    hopeless = [judged(0.5, seed) for seed in range(4)]
    assert not any(degenerate(hopeless, constant, "accuracy", metric)), "it is not the seed"
    truth = np.arange(20) % 2
    few = [
        Labels(truth, np.where(np.arange(20) < right, truth, 1 - truth),
               np.zeros((20, 0)), ("a", "b")) for right in (14, 11)
    ]  # fmt: skip
    assert not any(degenerate(few, few[0].constant(), "accuracy", metric)), "20 rows tell little"


def test_one_seed_has_no_spread(plan, tmp_path):
    with pytest.raises(WeitiaoError, match="no spread"):
        weitiao.train(plan, seeds=1, out=tmp_path)
