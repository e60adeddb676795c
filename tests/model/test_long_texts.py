"""What is read of long texts: which tokens, how windows are pooled and learned, what is saved."""

import json
from contextlib import closing

import numpy as np
import pytest
import torch
import transformers
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st

from conftest import make_checkpoint, toy_data, toy_plan
from matrix.families import make
from weitiao import parts
from weitiao.data.cache.encoded import in_memory
from weitiao.evaluation.explain import explain
from weitiao.example import WINDOWS, Example
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.training.batches import Feed
from weitiao.training.loop import fit
from weitiao.training.run import train

SHORT = 8  # tokens: most toy rows are longer
CHOICES = {
    "head": {"head": {}},
    "tail": {"tail": {}},
    "head_tail": {"head_tail": {"head": 0.4}},
    "windows": {"windows": {"overlap": 3}},
    "windows, max": {"windows": {"overlap": 0, "pooling": "max", "most": 2}},
}
LAYOUTS = ["padded", "packed", "fused"]


def test_every_choice_is_covered():
    assert {name for one in CHOICES.values() for name in one} == set(parts.names("long_texts"))


@pytest.fixture(scope="module")
def quiet_bert(tmp_path_factory):
    return str(make_checkpoint(tmp_path_factory.mktemp("quiet"), dropout=0.0))


def started(checkpoint, choice, task="classification", length=SHORT, **changes):
    plan = toy_plan(task, checkpoint, **{
        "model.max_length": length, "model.long_texts": CHOICES[choice], "train.batch_size": 6,
        "data.deduplicate": False, **changes,
    })  # fmt: skip
    data = toy_data(plan, count=60)
    return Model.start(plan, data.train), data


# --- which tokens


@given(
    st.sampled_from(sorted(CHOICES)), st.integers(1, 400), st.integers(4, 60), st.integers(0, 90)
)
def test_pieces_are_as_long_as_the_room_and_in_order(choice, more, room, overlap):
    ((name, settings),) = CHOICES[choice].items()
    if name == "windows":
        settings = {**settings, "overlap": overlap}
    part, length = parts.build("long_texts", name, settings), room + more
    pieces = part.pieces(length, room)
    assert len(pieces) == 1 or part.windowed
    for piece in pieces:
        assert len(piece) == room
        assert (np.diff(piece) > 0).all()
        assert piece[0] >= 0
        assert piece[-1] < length
    assert part.reads(np.array([length, room]), room).tolist() == [room * len(pieces), room]
    if name == "windows":
        assert pieces[0][0] == 0
        assert pieces[-1][-1] == length - 1
        if len(pieces) < part.most:  # nothing is left out, and neighbours share what they should
            assert set(np.concatenate(pieces).tolist()) == set(range(length))
            shared = [b[0] + room - a[0] for a, b in zip(pieces[1:], pieces, strict=False)]
            assert all(one >= min(overlap, room // 2) - 1 for one in shared)


words = st.lists(st.sampled_from(["good", "bad", "the", "film", "好", "店"]), max_size=30)


@pytest.fixture(scope="module")
def tokenizer(quiet_bert):
    return transformers.AutoTokenizer.from_pretrained(quiet_bert)


@given(words, words, st.integers(8, 24), st.booleans(), st.sampled_from(["head", "tail"]))
def test_head_and_tail_are_what_the_tokenizer_cuts(tokenizer, one, two, length, pair, name):
    texts = [[" ".join(one)], [" ".join(two)]][: 1 + pair]
    part = parts.build("long_texts", name)
    part.adapt(tokenizer)
    wanted = tokenizer(*texts, truncation=True, max_length=length)["input_ids"][0]
    told = tokenizer(*texts, truncation=False, verbose=False)
    (read,) = part.picks(told.sequence_ids(0), length)
    assert [told["input_ids"][0][at] for at in read] == wanted


@pytest.mark.parametrize("task", ["classification", "nli"])
@pytest.mark.parametrize("choice", CHOICES)
def test_rows_that_fit_are_read_as_ever(quiet_bert, choice, task):
    model, data = started(quiet_bert, choice, task, length=64)
    plain, _ = started(quiet_bert, "head", task, length=64)
    encoded, wanted = model.encode(data.train), plain.encode(data.train)
    assert encoded.offsets.tolist() == wanted.offsets.tolist()
    assert encoded.values["input_ids"].tolist() == wanted.values["input_ids"].tolist()
    assert np.array_equal(model.logits(encoded), plain.logits(wanted))


@pytest.mark.parametrize("task", ["classification", "nli"])
def test_windows_hold_every_token_and_the_special_ones(quiet_bert, task):
    model, data = started(quiet_bert, "windows", task)
    examples = data.train.examples()
    ids = model.ids(model.clean(examples))
    whole = model.task.encode(examples, model.tokenizer, 1000)["input_ids"]
    assert max(ids[WINDOWS]) > 1
    rows = iter(ids["input_ids"])
    for count, tokens in zip(ids[WINDOWS], whole, strict=True):
        windows = [next(rows) for _ in range(count)]
        assert (count > 1) == (len(tokens) > SHORT)
        assert all(len(one) == SHORT for one in windows if count > 1)
        assert all(one[0] == 2 and one[-1] == 3 for one in windows)  # [CLS] and [SEP]
        if task == "classification":
            assert set(tokens) == {token for one in windows for token in one}


# --- pooled, in every layout


@pytest.mark.parametrize("choice", ["windows", "windows, max"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradient_of_pooled_windows_is_that_of_a_plain_loop(quiet_bert, choice, layout):
    model, data = started(quiet_bert, choice, **{"train.layout": layout})
    examples, task = data.train.examples(slice(0, 6)), model.task
    labels = task.indices([e.target for e in examples], [e.id for e in examples])
    ids = model.ids(examples)
    native = model.net.native

    def slopes():
        found = {n: p.grad.clone() for n, p in native.named_parameters() if p.grad is not None}
        native.zero_grad()
        return found

    batch = model.batch(in_memory([ids]), np.arange(6), labels)
    assert batch.packed == (layout != "padded")
    output = task.loss(model.net, batch, model.loss())
    output.loss.backward()
    found = slopes()

    plain = transformers.AutoModelForSequenceClassification.from_pretrained(
        quiet_bert, num_labels=2, attn_implementation="eager"
    )
    plain.load_state_dict(native.state_dict())
    rows, total = iter(zip(ids["input_ids"], ids["token_type_ids"], strict=True)), 0.0
    for label, count in zip(labels, ids[WINDOWS], strict=True):
        logits = torch.cat([
            plain(torch.tensor([one]), token_type_ids=torch.tensor([kinds])).logits
            for one, kinds in (next(rows) for _ in range(count))
        ])  # fmt: skip
        pooled = logits.amax(0) if "max" in choice else logits.mean(0)
        total = total + torch.nn.functional.cross_entropy(pooled, torch.tensor(int(label)))
    total.backward()
    torch.testing.assert_close(output.loss, total, rtol=1e-5, atol=1e-5)
    for name, param in plain.named_parameters():
        torch.testing.assert_close(found[name], param.grad, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("strategies", [{}, {"rdrop": {}, "fgm": {"epsilon": 0.1}}])
@pytest.mark.parametrize(
    "task",
    [
        "classification",
        *(pytest.param(t, marks=pytest.mark.slow) for t in ("multilabel", "regression", "nli")),
    ],
)
def test_layouts_and_micro_batches_learn_the_same(quiet_bert, task, strategies):
    found = []
    ways = [("packed", 8192), ("packed", 30), ("fused", 30), ("padded", 8192), ("padded", 30)]
    for layout, tokens in ways:
        model, data = started(quiet_bert, "windows", task, **{
            "train.layout": layout, "train.micro_batch_tokens": tokens, "train.epochs": 2,
            "train.strategies": strategies, "train.batch_size": 48,
        })  # fmt: skip
        feed = training_feed(model, data.train)
        with closing(fit(model, feed, feed, Accelerator(cpu=True))) as steps:
            losses = [p.loss for p in steps if p.report is None]
        assert len(losses) == 2
        found.append([*losses, *model.net.native.classifier.weight.detach().flatten().tolist()])
    packed, padded = found[:3], found[3:]  # padded rows come in buckets, so in another order
    for first, *others in (packed, padded):
        for other in others:
            assert other == pytest.approx(first, rel=2e-3, abs=2e-4)


def training_feed(model, rows):
    return Feed(model.encode(rows), model.task.gold(rows))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_answered_alike_alone_and_among_others(tiny_bert, layout):
    model, data = started(tiny_bert, "windows", **{"train.layout": layout})
    encoded = model.encode(data.train)
    every = model.logits(encoded)
    assert len(every) == len(data.train)
    some = np.array([5, 0, 17])
    np.testing.assert_allclose(model.logits(encoded, None, some), every[some], atol=1e-5)
    scores = model.scores(data.train.examples(some))
    np.testing.assert_allclose(scores, model.task.score(every)[some], atol=1e-5)


@pytest.mark.parametrize("choice", CHOICES)
def test_an_empty_text_is_answered_alike_where_the_tokenizer_adds_nothing(choice, tmp_path):
    model, _ = started(make(tmp_path / "gpt2", "gpt2"), choice)
    empty, long = Example({"text": ""}), Example({"text": "good film " * 9})
    alone, beside = model.scores([empty]), model.scores([empty, long])
    np.testing.assert_allclose(alone[0], beside[0], atol=1e-5)
    assert np.isfinite(beside).all()


# --- trained, saved, gone on with


@pytest.mark.parametrize("choice", CHOICES)
def test_a_saved_model_reads_long_texts_as_before(tiny_bert, choice, tmp_path):
    model, data = started(tiny_bert, choice)
    model.save(tmp_path / "best")
    loaded = Model.load(tmp_path / "best")
    examples = data.train.examples()
    np.testing.assert_allclose(loaded.scores(examples), model.scores(examples), atol=1e-6)
    card = json.loads((tmp_path / "best" / "weitiao.json").read_text(encoding="utf-8"))
    assert ("reading" in card) == (choice != "head")
    if choice in ("head", "tail"):  # plain: transformers alone, which cuts as the tokenizer is set
        plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "best")
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "best")
        texts = [example.inputs["text"] for example in examples]
        told = tokenizer(texts, truncation=True, max_length=SHORT, padding=True,
                         return_tensors="pt")  # fmt: skip
        with torch.inference_mode():
            logits = plain.eval()(**told).logits.numpy()
        np.testing.assert_allclose(model.task.score(logits), model.scores(examples), atol=1e-5)


def test_a_run_with_windows_goes_on_exactly(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert, **{
        "model.max_length": SHORT, "model.long_texts": "windows", "train.save_seconds": 0,
        "data.deduplicate": False,
    })  # fmt: skip
    data = toy_data(plan, count=60)

    def log_of(run):
        lines = map(json.loads, (run.folder / "log.jsonl").read_text().splitlines())
        return [(one.get("step"), one.get("loss")) for one in lines if "loss" in one]

    whole = Run.create(tmp_path, "whole", plan)
    train(plan, data, whole)

    broken = Run.create(tmp_path, "broken", plan)

    class Stop(Exception):
        pass

    def watch(progress, left):
        if progress.step == 7:
            raise Stop

    with pytest.raises(Stop):
        train(plan, data, broken, watch=watch)
    train(plan, data, broken, resume=True)
    assert log_of(broken) == log_of(whole)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("choice", CHOICES)
def test_words_of_every_window_are_explained(tiny_bert, choice, layout):
    model, _ = started(tiny_bert, choice, **{"train.layout": layout})
    text = "the film was very good and " * 3 + "we it is bad"
    found = explain(model, Example({"text": text}))
    assert found.cut == (choice != "windows")
    values = {word.start: word.gradient for word in found.words}
    assert any(values.values())
    if "max" in choice:  # one window alone may decide
        return
    first, last = values[min(values)], values[max(values)]
    assert (first != 0) == (choice != "tail")
    assert (last != 0) == (choice != "head")
