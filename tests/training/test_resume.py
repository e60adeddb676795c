import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import toy_data, toy_plan
from weitiao import parts
from weitiao.errors import RunError
from weitiao.run import Run
from weitiao.training.replay import Replay
from weitiao.training.run import train

HERE = Path(__file__).parent.parent


class Cut(BaseException):
    """A crash, as the loop sees it."""


def new_run(tmp_path, name, plan):
    (tmp_path / name).mkdir()
    plan.save(tmp_path / name / "plan.yaml")
    return Run(tmp_path / name)


def cut_at(moment):
    seen = []

    def watch(progress, seconds):
        seen.append(progress)
        if len(seen) == moment:
            raise Cut

    return watch


def weights(run):
    return (run.best / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "strategies",
    [{}, {"ema": {"decay": 0.8}, "rdrop": {}}, {"contrast": {}}],
    ids=["plain", "all", "contrast"],
)
@pytest.mark.parametrize(
    "optimizer",
    [
        {"adamw": {}},
        {"adamw": {"lazy_embeddings": True}},
        pytest.param({"sgd": {}}, marks=pytest.mark.slow),
        {"muon": {}},
    ],
    ids=["adamw", "touched rows", "sgd", "muon"],
)
def test_a_resumed_run_equals_an_unbroken_one(strategies, optimizer, tiny_bert, tmp_path):
    every = bool(strategies) and optimizer == {"adamw": {"lazy_embeddings": True}}
    cut_and_resume(tiny_bert, tmp_path, strategies, optimizer, every=every)


def test_a_resumed_run_equals_an_unbroken_one_on_every_tier(tier, tiny_bert, tmp_path):
    strategies = {"ema": {"decay": 0.8}, "rdrop": {}, "fgm": {}}
    optimizer = {"adamw": {"lazy_embeddings": True}}
    settings = cut_and_resume(tiny_bert, tmp_path, strategies, optimizer, tier.layout)
    assert settings["layout"] == tier.layout
    assert settings["kernels"].startswith(tier.own)


ADAPTERS = {
    "bitfit": {}, "dora": {"r": 2}, "ia3": {}, "lora": {"r": 2, "lora_dropout": 0.1},
    "prefix_tuning": {"num_virtual_tokens": 4}, "prompt_tuning": {"num_virtual_tokens": 4},
}  # fmt: skip


@pytest.mark.parametrize("name", parts.names("adapters"))
def test_a_resumed_run_of_an_adapter_equals_an_unbroken_one(name, tiny_bert, tmp_path):
    """And its checkpoints hold, of weights and moments, what learns alone."""
    settings = cut_and_resume(
        tiny_bert, tmp_path, {"ema": {"decay": 0.8}}, {"adamw": {"lazy_embeddings": True}},
        **{"model.adapter": {name: ADAPTERS[name]}},
    )  # fmt: skip
    inside = ADAPTERS[name].get("lora_dropout")
    front = "num_virtual_tokens" in ADAPTERS[name]
    assert settings["layout"] == ("packed" if inside else "padded" if front else "fused")
    assert settings["frozen"]
    last = tmp_path / "unbroken" / "last"
    weights = load_file(last / "weights.safetensors")
    marks = ("lora_", "ia3_", "prompt", "classifier", "pooler", "bias")
    assert all(any(mark in path for mark in marks) for path in weights)
    moments = {key.split("|")[0] for key in load_file(last / "optimizer.safetensors")}
    assert moments == set(weights)


def test_a_checkpoint_of_an_adapter_knows_its_frozen_weights(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{
        "model.adapter": "lora", "train.save_seconds": 0})  # fmt: skip
    data = toy_data(plan, 80)
    run = new_run(tmp_path, "run", plan)
    other = shutil.copytree(tiny_bert, tmp_path / "checkpoint")
    here = plan.with_({"model.checkpoint": str(other)})
    with pytest.raises(Cut):
        train(here, data, run, watch=cut_at(4))
    changed = load_file(other / "model.safetensors")
    next(iter(changed.values())).add_(1)
    save_file(changed, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RunError, match=r"frozen was \w+, is \w+"):
        train(here, data, run, resume=True)


def cut_and_resume(
    checkpoint, tmp_path, strategies, optimizer, layout="auto", every=False, **changes
):
    """Cut a run early and late (every: at each third moment), go on, compare; the settings that
    the checkpoints record."""
    plan = toy_plan("classification", checkpoint, **{
        "train.strategies": strategies, "train.optimizer": optimizer, "train.epochs": 1,
        "train.evaluations": 3, "train.save_seconds": 0, "train.layout": layout, **changes,
    })  # fmt: skip
    data = toy_data(plan, 80)
    unbroken = new_run(tmp_path, "unbroken", plan)
    train(plan, data, unbroken)
    moments = range(1, len(unbroken.history()) + 1, 3)
    for moment in moments if every else moments[1::2]:
        run = new_run(tmp_path, f"cut{moment}", plan)
        with pytest.raises(Cut):
            train(plan, data, run, watch=cut_at(moment))
        train(plan, data, Run.open(run.folder), resume=True)
        assert run.log_path.read_bytes() == unbroken.log_path.read_bytes()
        assert weights(run) == weights(unbroken)
    return json.loads((unbroken.last / "state.json").read_text())["settings"]


def test_the_same_plan_gives_the_same_log(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{"train.strategies": {"fgm": {}, "ema": {}}})
    data = toy_data(plan, 80)
    logs = []
    for name in ("one", "two"):
        run = new_run(tmp_path, name, plan)
        torch.rand(7)  # whatever was drawn before does not matter
        train(plan, data, run)
        logs.append(run.log_path.read_text())
    assert logs[0] == logs[1]
    assert len(logs[0].splitlines()) > 5


def test_a_checkpoint_of_other_conditions_is_refused(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{"train.save_seconds": 0})
    data = toy_data(plan, 80)
    run = new_run(tmp_path, "run", plan)
    with pytest.raises(Cut):
        train(plan, data, run, watch=cut_at(4))
    state = json.loads((run.last / "state.json").read_text())
    state["settings"]["torch"] = "1.0"
    (run.last / "state.json").write_text(json.dumps(state))
    with pytest.raises(RunError, match=r"torch was 1\.0"):
        train(plan, data, run, resume=True)


def test_a_swap_cut_short_is_mended(tiny_bert, tmp_path):
    run = new_run(tmp_path, "run", toy_plan("classification", tiny_bert))
    with run.replacing("best") as folder:
        (folder / "a").write_text("old")
    run.best.rename(run.folder / "best.old")  # killed between the two renames
    (run.folder / "best.new").mkdir()
    assert (Run.open(run.folder).best_folder() / "a").read_text() == "old"  # a reader mends nothing
    assert (run.folder / "best.new").exists()
    run.repair()
    assert (run.best / "a").read_text() == "old"
    assert not (run.folder / "best.new").exists()


def test_a_budget_already_decided_is_decided_again(tiny_bert, tmp_path):
    """A re-plan that stands in the log after the checkpoint is repeated, not measured anew."""
    plan = toy_plan(
        "classification",
        tiny_bert,
        **{
            "train.budget": 3600,
            "train.epochs": 3,
            "train.evaluations": 2,
            "train.save_seconds": 1e9,
        },
    )
    data = toy_data(plan, 80)
    run = new_run(tmp_path, "run", plan)

    def watch(progress, seconds):
        if progress.step == 6:
            run.log(step=7, event="replan", total=9)
            raise Cut

    with pytest.raises(Cut):
        train(plan, data, run, watch=watch)
    # Nothing was checkpointed: all is repeated from the start, and the event stands for step 7.
    train(plan, data, run, resume=True)
    events = [line for line in run.history() if line.get("event") == "replan"]
    assert events[0] == {"step": 7, "event": "replan", "total": 9}


def test_what_the_clock_decided_survives_two_crashes(tmp_path, tiny_bert):
    """The second crash comes before the next checkpoint: the log is cut, the decisions stay."""
    run = new_run(tmp_path, "run", toy_plan("classification", tiny_bert))
    for step in (1, 2, 3):
        run.log(step=step, loss=1.0)
    size = run.log_size()
    run.log(step=4, loss=1.0)
    run.log(step=4, event="replan", total=50)
    for step in (5, 6):
        run.log(step=step, loss=1.0)
    first = Replay.after(run, size)
    assert (first.until, first.totals) == (6, {4: 50})
    run.cut_log(size)
    run.log(step=4, loss=1.0)
    second = Replay.after(run, size)
    assert (second.until, second.totals) == (6, {4: 50})
    second.forget(run)
    assert Replay.after(run, run.log_size()).until == 0


def test_other_rows_or_another_plan_are_refused(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{"train.save_seconds": 0})
    run = new_run(tmp_path, "run", plan)
    with pytest.raises(Cut):
        train(plan, toy_data(plan, 80), run, watch=cut_at(4))
    with pytest.raises(RunError, match="rows was"):
        train(plan, toy_data(plan, 80, seed=1), run, resume=True)
    with pytest.raises(RunError, match="plan was"):
        other = plan.with_({"train.weight_decay": 0.5})
        train(other, toy_data(other, 80), run, resume=True)


@pytest.mark.parametrize("task", ["classification", "token_classification", "question_answering"])
def test_other_validation_rows_are_refused(task, tiny_bert, tmp_path):
    """The best score of the old rows stood against those of the new ones."""
    plan = toy_plan(task, tiny_bert, **{"train.save_seconds": 0, "train.epochs": 1})
    run = new_run(tmp_path, "run", plan)
    data = toy_data(plan, 80)
    with pytest.raises(Cut):
        train(plan, data, run, watch=cut_at(2))
    fewer = replace(data, validation=data.validation.take(slice(1, None)))
    with pytest.raises(RunError, match=r"validation was \w+, is \w+"):
        train(plan, fewer, run, resume=True)
    train(plan, data, run, resume=True)


def kill(tmp_path, times, tier):
    layout, own, compiled = tier
    if compiled:  # already: the others take a copy
        shutil.copytree(compiled, tmp_path / "cache")
    script = [sys.executable, str(HERE / "killing.py"), str(tmp_path), str(times), layout]
    done = subprocess.run(script, capture_output=True, text=True, cwd=HERE, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["layout"] == layout
    assert told["kernels"].startswith(own)
    assert told["equal"] == told["runs"] >= 1, told
    return told


@pytest.mark.parametrize("tier", ["fused, c++"], indirect=True)
def test_killed_at_any_moment_it_goes_on_as_if_nothing_had_happened(tier, tmp_path):
    kill(tmp_path, 2, tier)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_twenty_moments(tier, tmp_path):
    told = kill(tmp_path, 20, tier)
    print(told)
    assert told["in_checkpoint"] >= 1
