"""How much goes through at once: measured, halved when memory is short, and said."""

import gc
import json
import weakref
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator

from conftest import make_checkpoint, toy_data, toy_plan
from weitiao.errors import RunError
from weitiao.model.model import Model
from weitiao.model.net import Net
from weitiao.run import Run
from weitiao.training import memory
from weitiao.training.batches import Feed
from weitiao.training.loop import fit, learning
from weitiao.training.run import train

CHANGES = {"train.epochs": 1, "train.save_seconds": 0, "train.micro_batch_tokens": 80}
TOLD = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"


class Cut(BaseException):
    """A crash, as the loop sees it."""


def started(checkpoint, **changes):
    plan = toy_plan("classification", checkpoint, **changes)
    data = toy_data(plan, 80)
    model = Model.start(plan, data.train)
    feeds = [
        Feed(model.encode(rows), model.task.indices(rows.targets(), rows.ids()))
        for rows in (data.train, data.validation)
    ]
    return model, feeds


def tokens_of(batch):
    return batch.tensors["position_ids" if batch.packed else "attention_mask"].numel()


def short_of_memory(monkeypatch, most, passes=None, error=RuntimeError, told=TOLD):
    """A network that raises when more than `most` tokens learn at once (in some passes only)."""
    done, forward, seen = [0], Net.forward, []

    def limited(self, batch):
        done[0] += self.training
        if self.training and tokens_of(batch) > most and (passes is None or done[0] in passes):
            torch.rand(3)  # as dropout would have drawn before
            raise error(told)
        if self.training:
            seen.append(tokens_of(batch))
        return forward(self, batch)

    monkeypatch.setattr(Net, "forward", limited)
    return seen


def test_a_network_that_was_measured_is_forgotten_with_its_model(tier, tiny_bert):
    model, (feed, _judged) = started(tiny_bert, **{"train.layout": tier.layout})
    _, _, loss_of = learning(model, model.loss())
    assert memory.bytes_a_token(model, feed, loss_of) > 0
    kept = weakref.ref(model.net.embeddings())  # the graph of a pass ends there
    del model, loss_of, _
    gc.collect()
    assert kept() is None


def lines(run, event=None):
    return [line for line in run.history() if line.get("event") == event]


@pytest.mark.parametrize(
    ("tier", "error"),
    [
        ("padded", RuntimeError),
        ("packed", MemoryError),
        ("packed", torch.OutOfMemoryError),
        ("fused, torch", RuntimeError),
        ("fused, c++", RuntimeError),
    ],
    indirect=["tier"],
)
def test_short_of_memory_the_update_stays_and_goes_in_halves(
    tier, error, tiny_bert, tmp_path, monkeypatch
):
    """The same as a run that asked for the half from the start, to the last bit."""
    plan = toy_plan("classification", tiny_bert, **CHANGES, **{"train.layout": tier.layout})
    data = toy_data(plan, 80)
    half = plan.with_({"train.micro_batch_tokens": 40})
    wanted = Run.create(tmp_path, "half", half)
    train(half, data, wanted)
    with monkeypatch.context() as patch:
        seen = short_of_memory(patch, 40, error=error)
        run = Run.create(tmp_path, "short", plan)
        train(plan, data, run)
    assert max(seen) <= 40
    assert lines(run, "tokens") == [{"step": 1, "event": "tokens", "tokens": 40}]
    assert lines(run) == lines(wanted)
    assert lines(wanted, "tokens") == []
    files = [(r.best / "model.safetensors").read_bytes() for r in (run, wanted)]
    assert files[0] == files[1]


def test_what_memory_decided_is_decided_again_after_a_crash(tiny_bert, tmp_path, monkeypatch):
    """Memory was short once, in the fifth pass; then a kill. Going on, memory suffices, but the pieces
    are those of the log: from a checkpoint before the event, and from one behind it."""
    plan = toy_plan("classification", tiny_bert, **CHANGES)
    data = toy_data(plan, 80)

    def go(run, kept, stop=None):
        def watch(progress, seconds):
            if progress.step == stop and progress.report is None:
                raise Cut

        changed = plan.with_({"train.save_seconds": 0 if kept else 1e9})
        changed.save(run.plan_path)
        with monkeypatch.context() as patch:
            short_of_memory(patch, 0, passes={5})
            train(changed, data, run, watch=watch)

    for kept in (True, False):
        whole, run = Run.create(tmp_path, "whole", plan), Run.create(tmp_path, "cut", plan)
        go(whole, kept)
        (event,) = lines(whole, "tokens")
        assert 1 < event["step"] < 6
        assert event["tokens"] == 40
        with pytest.raises(Cut):
            go(run, kept, stop=6)
        assert run.last.exists() == kept
        train(run.plan(), data, run, resume=True)
        assert run.log_path.read_bytes() == whole.log_path.read_bytes()


def test_a_row_that_does_not_fit_is_one_clear_message(tiny_bert, tmp_path, monkeypatch):
    plan = toy_plan("classification", tiny_bert, **CHANGES)
    short_of_memory(monkeypatch, 0)
    run = Run.create(tmp_path, "run", plan)
    with pytest.raises(RunError, match=r"not enough memory for the longest row, \d+ tokens"):
        train(plan, toy_data(plan, 80), run)
    assert run.status().state == "failed"


def test_other_errors_are_no_lack_of_memory(tiny_bert, tmp_path, monkeypatch):
    short_of_memory(monkeypatch, 0, told="shapes differ")
    plan = toy_plan("classification", tiny_bert, **CHANGES)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(plan, toy_data(plan, 80), Run.create(tmp_path, "run", plan))


def test_a_real_refusal_of_the_processors_memory_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert memory.is_refusal(caught.value)
    assert not memory.is_refusal(ValueError("out of memory"))
    with pytest.raises(RunError, match="one of 2 processes"):
        memory.fewer(100, 10, 2)
    assert memory.fewer(100, 10, 1) == 50
    assert memory.fewer(100, 60, 1) == 60


@pytest.mark.parametrize("strategies", [{}, {"rdrop": {}, "fgm": {}}], ids=["plain", "twice"])
def test_what_a_token_takes_tells_what_many_take(tier, strategies, tiny_bert):
    changes = {"train.layout": tier.layout, "train.strategies": strategies}
    model, (feed, _) = started(tiny_bert, **changes)
    _, _, loss_of = learning(model, model.loss())
    one = memory.bytes_a_token(model, feed, loss_of)
    longest = feed.encoded.lengths.max()
    rows = [i for i, length in enumerate(feed.encoded.lengths) if length >= longest - 2]
    lengths = feed.encoded.lengths[rows]
    tokens = lengths.sum() if model.packs else lengths.max() * len(rows)
    whole = memory._saved_bytes(model, feed, rows, loss_of)
    assert len(rows) > 3
    assert 0.6 * whole < one * tokens < 1.6 * whole
    # And it is what an encoder of two layers of 32 keeps: some dozens of numbers a unit; kernels in
    # C++ keep no masks and no shares of attention.
    assert (6 if tier.own == "c++" else 10) < one / (2 * 32 * 4) / (1 + 3 * bool(strategies)) < 120


def test_auto_takes_the_power_of_two_that_half_of_the_free_memory_holds(
    tiny_bert, tmp_path, monkeypatch
):
    plan = toy_plan("classification", tiny_bert, **CHANGES)
    plan = plan.with_({"train.micro_batch_tokens": "auto"})
    data = toy_data(plan, 80)
    model, (feed, _) = started(tiny_bert, **{"train.micro_batch_tokens": "auto"})
    _, _, loss_of = learning(model, model.loss())
    one = memory.bytes_a_token(model, feed, loss_of)
    longest = int(feed.encoded.lengths.max())
    accelerator = Accelerator(cpu=True)
    for free, wanted in ((2 * one * 100, 64), (2 * one * 128.5, 128), (1e15, memory.MAX_TOKENS),
                         (0, longest)):  # fmt: skip
        monkeypatch.setattr(memory, "free_bytes", lambda device, free=free: free)
        assert memory.tokens_at_once(model, feed, loss_of, accelerator) == wanted

    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * one * 70)
    run = Run.create(tmp_path, "run", plan)

    def cut(progress, seconds):
        if progress.step == 3:
            raise Cut

    with pytest.raises(Cut):
        train(plan, data, run, watch=cut)
    assert lines(run, "tokens") == [{"step": 1, "event": "tokens", "tokens": 64}]
    assert json.loads((run.last / "state.json").read_text())["state"]["tokens"] == 64
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**15)  # it stays what it was
    train(plan, data, run, resume=True)
    assert len(lines(run, "tokens")) == 1
    assert json.loads((run.last / "state.json").read_text())["state"]["tokens"] == 64


def test_free_memory_is_what_is_available(monkeypatch):
    """Not all of it, and not what is free beside the caches of files."""
    import psutil

    amounts = {"total": 1000, "available": 400, "free": 70, "used": 600}
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(**amounts))
    assert memory.free_bytes(torch.device("cpu")) == 400
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (30, 90))
    assert memory.free_bytes(torch.device("cuda", 0)) == 30


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux says it in a file")
def test_free_memory_is_that_of_this_machine():
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (available,) = (int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    assert memory.free_bytes(torch.device("cpu")) == pytest.approx(available * 1024, rel=0.3)


# --- layers computed again instead of kept


@pytest.mark.parametrize("strategies", [{}, {"rdrop": {}, "fgm": {}}], ids=["plain", "twice"])
def test_layers_computed_again_change_no_number(tier, strategies, tiny_bert):
    """With dropout: its masks are drawn the same again. And it keeps far less."""
    weights, kept = [], []
    for again in (False, True):
        model, feeds = started(tiny_bert, **{
            "train.layout": tier.layout, "train.strategies": strategies,
            "train.gradient_checkpointing": again, "train.epochs": 1})  # fmt: skip
        with closing(fit(model, *feeds, Accelerator(cpu=True))) as steps:
            norms = [p.gradient_norm for p in steps if p.report is None]
        assert len(norms) > 4
        weights.append(dict(model.net.named_parameters()))
        _, _, loss_of = learning(model, model.loss())
        kept.append(memory.bytes_a_token(model, feeds[0], loss_of))
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=1e-5, atol=1e-6)
    assert kept[1] < 0.5 * kept[0]


@pytest.mark.parametrize("family", ["roberta", "distilbert"])
def test_layers_are_computed_again_in_other_families(family, tier, tmp_path):
    checkpoint = str(make_checkpoint(tmp_path / family, family))
    model, feeds = started(checkpoint, **{
        "train.layout": tier.layout, "train.gradient_checkpointing": True, "train.epochs": 1})  # fmt: skip
    assert all(p.loss > 0 for p in fit(model, *feeds, Accelerator(cpu=True)))
    found = []
    for again in (True, False):
        model, _ = started(checkpoint, **{"train.layout": tier.layout})
        if again:
            model.net.checkpoint_gradients()
        _, _, loss_of = learning(model, model.loss())
        found.append(memory.bytes_a_token(model, feeds[0], loss_of))
    assert found[0] < 0.6 * found[1]
