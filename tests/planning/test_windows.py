"""What is read in several windows is counted so: in times, in the passes that fit into a budget."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import WORDS, make_tokenizer, toy_plan, toy_rows
from weitiao import parts
from weitiao.api import budget as budgeting
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.prepare.profile import profile
from weitiao.example import Example
from weitiao.model.model import Model
from weitiao.planning import choices, lengths
from weitiao.planning.advise import Wish, advise, expectations
from weitiao.planning.cost import Network, Speed
from weitiao.planning.facts import Facts, reading_of, tokens_of

NETWORK = Network("c", 384, 6, 10_000_000, 22_000_000, 512)
SPEED = Speed(operations=1e11, bytes=1e10, threads=2)
EVERY = [word for words in WORDS.values() for word in words]
KINDS = ["question_answering", "token_classification"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("words")
    make_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def texts(rng, most):
    return " ".join(rng.choices(EVERY, k=rng.randint(1, most)))


def examples_of(kind, rng, count=6, most=200):
    if kind == "token_classification":
        return [Example({"text": texts(rng, most)}) for _ in range(count)]
    return [Example({"question": texts(rng, 9), "context": texts(rng, most)}) for _ in range(count)]


def facts_of(kind, tokenizer, rng, budget=None, most=900):
    plan, task = toy_plan(kind, "c"), parts.build("tasks", kind)
    examples = examples_of(kind, rng, most=most)
    source = from_rows(toy_rows("classification", 40))
    known = profile(source, {"text": "text", "target": "label"}, "classification")
    tokens, reading = (
        tokens_of(task, examples, tokenizer),
        reading_of(task, examples, tokenizer, plan),
    )
    return Facts(known, 1000, tokens, NETWORK, SPEED, budget, "", reading), task, examples


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000), max_length=st.integers(40, 400))
@settings(deadline=None, max_examples=25)
def test_the_tokens_of_all_windows_are_those_that_are_encoded(kind, seed, max_length, tokenizer):
    found, task, examples = facts_of(kind, tokenizer, random.Random(seed))
    given = task.encode(examples, tokenizer, max_length)
    sizes = [len(row) for row in given["input_ids"]]
    owners = np.repeat(np.arange(len(examples)), given["windows"])
    read = found.reading.reads(found.tokens, max_length)
    assert read.tolist() == np.bincount(owners, sizes).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_expects_the_time_of_all_windows(kind, tokenizer):
    found, task, examples = facts_of(kind, tokenizer, random.Random(1))
    plan = toy_plan(kind, "c", **{"model.max_length": 128})
    whole = Facts(found.profile, found.rows, found.tokens, NETWORK, SPEED)
    sizes = [len(row) for row in task.encode(examples, tokenizer, 128)["input_ids"]]
    times = sum(sizes) / np.minimum(found.tokens, 128).sum()
    assert times > 2
    seconds = [expectations(plan, one)["train_seconds"] for one in (found, whole)]
    assert seconds[0] == pytest.approx(times * seconds[1], rel=0.02)
    assert found.apart
    assert not whole.apart


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_passes_over_windows_fit_into_a_budget(kind, tokenizer):
    found, *_ = facts_of(kind, tokenizer, random.Random(1), budget=300)
    whole = Facts(found.profile, found.rows, found.tokens, NETWORK, SPEED, 300)
    fits = [choices.expected_epochs(one, 128) for one in (found, whole)]
    assert fits[0] < 0.5 * fits[1]


def test_a_length_of_windows_is_not_shortened_by_a_budget(tokenizer):
    free, *_ = facts_of("token_classification", tokenizer, random.Random(1))
    short, *_ = facts_of("token_classification", tokenizer, random.Random(1), budget=20)
    one, other = lengths.max_length(free), lengths.max_length(short)
    assert one.value == other.value == lengths.USUAL_CAP
    assert "windows" in one.reason
    assert lengths.long_texts(free, 64) is None  # read whole


def test_windows_that_the_user_asks_for_are_counted(tiny_bert):
    rows = [{"text": " ".join(random.Random(i).choices(EVERY, k=200)), "label": "ab"[i % 2]}
            for i in range(60)]  # fmt: skip
    seen = []
    for changes in (
        {},
        {"model.long_texts": "windows"},
        {"model.long_texts": {"windows": {"most": 2}}},
    ):
        wish = Wish("memory:x", model=tiny_bert, changes={**changes, "model.max_length": 48})
        plan = advise(wish, from_rows(rows)).plan
        data = load(plan.data, plan.task_name, from_rows(rows))
        encoded = Model.start(plan, data.train, data.validation).encode(data.validation)
        seen.append(encoded.lengths.sum() / encoded.examples)
    assert seen == [48, pytest.approx(8 * 48, rel=0.3), 2 * 48]


@pytest.mark.parametrize("kind", KINDS)
def test_training_has_what_is_not_needed_afterwards(kind, tiny_bert, monkeypatch):
    """Tasks of tokens have no error analysis to keep time back for, and short budgets neither."""
    monkeypatch.setattr(budgeting, "awake", lambda: 0.0)
    left = {}
    for task in (kind, "classification"):
        plan = toy_plan(task, tiny_bert, **{"train.budget": 200})
        data = load(plan.data, task, from_rows(toy_rows(task)))
        clock = budgeting.clock_of(plan, 0.0)
        model = Model.start(plan, data.train, data.validation)
        budgeting.reserve(clock, model, data, True)
        left[task] = clock.seconds
    assert left[kind] == pytest.approx(200 - budgeting.EVALUATION_SECONDS, abs=1)
    assert left["classification"] == pytest.approx(left[kind] - 12, abs=1)
    assert not budgeting.has_findings(120.0)
    assert budgeting.seconds_to_judge(120.0, 0.0, 60.0)[1] == 0
