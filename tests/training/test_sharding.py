"""Shards: the same result as whole weights, the same after a crash, half of the memory; and what is
refused. Run on two processes of a processor, which users are not allowed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from conftest import make_checkpoint, toy_plan, toy_rows
from matrix.families import FAMILIES, make

HERE = Path(__file__).parent.parent
PLAIN = {
    "train.epochs": 1,
    "train.save_seconds": 0,
    "train.evaluations": 3,
    "train.learning_rate": 1e-3,
    "train.layout": "packed",
}
SHARDED = {**PLAIN, "train.sharding": "full"}
PADDED = {"gpt2", "llama", "deberta-v2", "xlnet"}  # families whose rows do not run end to end
RUNS = {
    "whole": PLAIN,
    "sharded": SHARDED,
    # Several micro-batches, each of which exchanges; layers computed again; strategies that may be.
    "pieces": {
        **SHARDED,
        "train.micro_batch_tokens": 40,
        "train.gradient_checkpointing": True,
        "train.strategies": {"rdrop": {}, "layer_decay": {"decay": 1.0}},
    },
    "bf16": {
        **SHARDED,
        "train.layout": "auto",
        "train.precision": "bf16",
        "train.micro_batch_tokens": "auto",
    },
}


def launch(folder, jobs):
    """What each of two processes told of the trainings."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2",
               "--master_port", str(29_000 + os.getpid() % 500), str(HERE / "sharding.py"),
               str(folder), json.dumps(jobs)]  # fmt: skip
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=env, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return [json.loads((folder / f"ranks-{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with all the runs, and what each process told."""
    folder = tmp_path_factory.mktemp("sharding")
    make_checkpoint(folder / "tiny", dropout=0.0)
    return folder, launch(folder, RUNS)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "jobs",
    [
        ["gpt2", "llama"],
        ["deberta-v2"],
        ["albert", "modernbert"],
        ["xlnet"],
        ["token_classification", "question_answering"],
        ["similarity", "weighted_layers"],
    ],
    ids="-".join,
)
def test_every_kind_of_network_learns_in_shards(jobs, tmp_path):
    """Padded rows and layers that share weights, windows and heads of ours; plain steps, since Adam
    makes the rounding of gradients that are zero large."""
    make_checkpoint(tmp_path / "tiny", dropout=0.0)
    settings = {}
    for name in jobs:
        both = {"train.optimizer": "sgd", "train.epochs": 1, "model.dropout": 0.0}
        if name in FAMILIES:
            both["model.checkpoint"] = str(make(tmp_path / f"tiny-{name}", name))
        elif name == "weighted_layers":
            both["model.head"] = name
        else:
            both["task"] = name
        layout = "padded" if name in PADDED else "packed"
        settings |= {name: {**both, "train.layout": layout}}
        settings |= {f"{name}-sharded": {**settings[name], "train.sharding": "full"}}
    launch(tmp_path, settings)
    for name in jobs:
        one, other = losses(tmp_path, name), losses(tmp_path, f"{name}-sharded")
        assert len(one) > 5
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5, err_msg=name)
        first, second = judged(tmp_path, name), judged(tmp_path, f"{name}-sharded")
        for mine, theirs in zip(first, second, strict=True):
            assert mine == pytest.approx(theirs, rel=1e-4)


def lines(folder, name):
    return [json.loads(line) for line in (folder / name / "log.jsonl").read_text().splitlines()]


def losses(folder, name):
    return [(x["loss"], x["gradient_norm"]) for x in lines(folder, name) if "loss" in x]


def judged(folder, name):
    return [x["validation"] for x in lines(folder, name) if "validation" in x]


def weights(folder, name, where="last/weights"):
    return load_file(folder / name / f"{where}.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["sharded", "pieces"])
def test_shards_learn_what_whole_weights_do(runs, name):
    """Without dropout the two masks of R-Drop agree, and nothing is added to the loss."""
    folder, _ = runs
    one, other = losses(folder, "whole"), losses(folder, name)
    assert len(one) > 5
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
    assert judged(folder, name) == judged(folder, "whole")
    for where in ("last/weights", "last/optimizer", "best/model"):
        first, second = weights(folder, "whole", where), weights(folder, name, where)
        assert first.keys() == second.keys()
        for key in first:
            if ".key.bias" not in key:  # no gradient but rounding, which Adam makes large
                np.testing.assert_allclose(second[key], first[key], atol=1e-5, err_msg=key)


@pytest.mark.slow
def test_the_gradient_is_cut_by_its_whole_length(runs):
    folder, _ = runs
    assert max(length for _, length in losses(folder, "whole")) > 1.0  # the plan's max_grad_norm


@pytest.mark.slow
def test_each_process_holds_half(runs):
    _, told = runs
    for rank in told:
        for what in ("weights", "moments"):
            held, all_ = rank["sharded"][what]
            assert 0.4 < held / all_ < 0.6
            held, all_ = rank["whole"][what]
            assert held == all_
    for what in ("weights", "moments"):
        assert sum(rank["sharded"][what][0] for rank in told) == told[0]["whole"][what][1]


@pytest.mark.slow
def test_all_room_is_measured_alike(runs):
    _, told = runs
    assert told[0]["bf16"]["tokens"] == told[1]["bf16"]["tokens"] > 1000


@pytest.mark.slow
def test_a_killed_run_goes_on_exactly(runs):
    folder, _ = runs
    assert lines(folder, "killed") == lines(folder, "sharded")
    for where in ("last/weights", "last/optimizer", "best/model"):
        first, second = weights(folder, "sharded", where), weights(folder, "killed", where)
        assert all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.slow
def test_bf16_is_near(runs):
    folder, _ = runs
    one, other = losses(folder, "sharded"), losses(folder, "bf16")
    assert other != one
    np.testing.assert_allclose([x for x, _ in other], [x for x, _ in one], rtol=0.1, atol=0.02)
    assert weights(folder, "bf16")["native.classifier.weight"].dtype == np.float32


@pytest.mark.slow
def test_the_best_weights_load_in_one_process(runs):
    import weitiao

    folder, _ = runs
    texts = [row["text"] for row in toy_rows("classification", 8)]
    models = [weitiao.load(folder / name / "best") for name in ("whole", "sharded")]
    one, other = (model.predict_proba(texts) for model in models)
    np.testing.assert_allclose(other, one, atol=1e-5)


FULL = {"train.sharding": "full"}


def problems(changes, here=False):
    from weitiao.training import sharding

    return sharding.problems(toy_plan("classification", "x", **changes), here)


def test_without_shards_nothing_is_refused():
    assert problems({"train.strategies": ["ema"]}, here=True) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model.adapter": "lora", "model.quantization": "nf4"},
         ["model.adapter: lora", "model.quantization: nf4"]),
        ({"train.strategies": ["ema", "fgm", "rdrop", "freeze"]},
         ["train.strategies: ema", "train.strategies: fgm", "train.strategies: freeze"]),
        ({"train.layout": "fused"}, ["train.layout: fused"]),
        ({"train.optimizer": {"adamw": {"lazy_embeddings": True}}},
         ["train.optimizer: adamw {lazy_embeddings: True}"]),
        ({"train.optimizer": "sgd", "train.strategies": ["layer_decay", "gradual_unfreezing"]}, []),
    ],
)  # fmt: skip
def test_what_needs_whole_weights_is_refused(changes, named):
    told = problems({**FULL, **changes})
    assert [one.split("go with ")[1].split(";")[0] for one in told] == named


def test_a_processor_and_one_process_are_refused_before_anything_is_loaded(monkeypatch):
    """The rows are no file, and the checkpoint is none: neither is looked for."""
    import torch

    from weitiao.api.fit import train
    from weitiao.errors import PlanError

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    plan = toy_plan("classification", "x", **FULL, **{"train.strategies": ["ema"]})
    with pytest.raises(PlanError) as error:
        train(plan)
    ema, cards, several = error.value.problems
    assert "ema" in ema
    assert "needs CUDA cards" in cards
    assert "needs several processes" in several
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert len(problems(FULL, here=True)) == 1


def test_the_loop_itself_refuses(tmp_path, monkeypatch):
    from weitiao.errors import PlanError
    from weitiao.training.run import train

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(PlanError, match="several processes"):
        train(toy_plan("classification", "x", **FULL), None, None)


def test_a_plan_may_be_checked_where_it_is_not_carried_out(monkeypatch):
    from weitiao.errors import PlanError
    from weitiao.planning.check import check

    check(toy_plan("classification", "x", **FULL))
    with pytest.raises(PlanError, match="does not go with train.strategies: ema"):
        check(toy_plan("classification", "x", **FULL, **{"train.strategies": ["ema"]}))
