"""Choices are pure: facts in, values and reasons out. And what is written down is what is used."""

import dataclasses
import json

import numpy as np
import pytest

from conftest import toy_plan, toy_rows
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.profile import profile
from weitiao.errors import PlanError
from weitiao.planning import advise, choices, cost, lengths
from weitiao.planning.check import check
from weitiao.planning.cost import Network, Speed
from weitiao.planning.facts import Facts

NETWORK = Network("c", hidden_size=384, layers=6, encoder=10_000_000, parameters=22_000_000,
                  max_length=512)  # fmt: skip
WORDY = dataclasses.replace(NETWORK, parameters=100_000_000)
SPEED = Speed(operations=1e11, bytes=1e10, threads=2)


@pytest.fixture
def known():
    source = from_rows(toy_rows("classification", 40))
    return profile(source, {"text": "text", "target": "label"}, "classification")


def facts_of(known, rows=10_000, tokens=(20, 30, 40), network=NETWORK, budget=None, **changed):
    seen = dataclasses.replace(known, rows=rows, **changed)
    return Facts(seen, rows, np.array(tokens), network, SPEED, budget)


@pytest.mark.parametrize(
    ("tokens", "length"),
    [([5] * 100, 32), ([60] * 100, 64), ([200] * 100, 256), ([9000] * 100, 256),
     ([20] * 98 + [500] * 2, 256), ([20] * 100 + [500], 32)],
)  # fmt: skip
def test_length_covers_nearly_all_rows_up_to_a_cap(known, tokens, length):
    reason = lengths.max_length(facts_of(known, tokens=tokens))
    assert reason.value == length
    assert reason.reason
    assert reason.evidence


def test_length_keeps_within_the_network(known):
    small = dataclasses.replace(NETWORK, max_length=40)
    assert lengths.max_length(facts_of(known, tokens=[300] * 9, network=small)).value == 40


def test_a_budget_shortens_length_and_epochs(known):
    free = facts_of(known, tokens=[200] * 100)
    short = facts_of(known, tokens=[200] * 100, budget=60)
    assert lengths.max_length(short).value < lengths.max_length(free).value
    assert lengths.max_length(short).value >= lengths.MIN_BUDGET_LENGTH
    assert "budget" in lengths.max_length(short).reason
    assert choices.expected_epochs(short, 64) < choices.expected_epochs(free, 64)
    assert choices.expected_epochs(short, 64) > 0
    ample = facts_of(known, tokens=[200] * 100, budget=1e6)
    assert lengths.max_length(ample).value == lengths.max_length(free).value
    assert choices.expected_epochs(ample, 256) == choices.expected_epochs(free, 256)


def test_the_clock_of_a_run_decides_how_many_epochs_a_budget_has_time_for(known):
    """The machine was busy when the plan was made: 0.1 epochs, and 57 of 120 s were left over."""
    short, free = facts_of(known, rows=1_000, budget=20), facts_of(known, rows=1_000)
    expected = choices.expected_epochs(short, 64)
    reason = choices.epochs(short, expected)
    assert expected < reason.value == choices.epochs(free, choices.expected_epochs(free, 64)).value
    assert f"{expected:.1f}" in reason.reason


def test_a_budget_learns_shorter_texts_than_predictions_read(known):
    """Reading costs a third of learning: a budget that has no time to learn whole texts may still
    read them, which scores better than reading their beginnings alone."""
    short = facts_of(known, rows=1_000, tokens=[200] * 100, budget=300)
    read = lengths.max_length(short).value
    reason = lengths.train_length(short, read)
    assert lengths.MIN_BUDGET_LENGTH <= reason.value < read
    assert f"{read} tokens" in reason.reason
    assert (
        choices.expected_epochs(short, read, reason.value)
        >= 3
        > choices.expected_epochs(short, read)
    )
    for enough in (dataclasses.replace(short, budget=1e6), dataclasses.replace(short, budget=None)):
        assert lengths.train_length(enough, 256) is None
    brief = facts_of(known, rows=1_000, tokens=[60] * 100, budget=300)
    assert lengths.train_length(brief, 256) is None  # nothing would be saved


def test_few_rows_get_small_batches_and_more_epochs(known):
    few, many = facts_of(known, rows=300), facts_of(known, rows=50_000)
    assert (choices.batch_size(few).value, choices.batch_size(many).value) == (16, 32)
    assert choices.expected_epochs(few, 64) > choices.expected_epochs(many, 64)
    assert choices.validation_size(few).value > choices.validation_size(many).value
    assert choices.validation_size(facts_of(known, rows=10**6)).value == pytest.approx(0.005)


@pytest.mark.parametrize(("width", "rate"), [(384, 1e-4), (768, 3e-5), (1024, 1.5e-5)])
def test_wide_networks_learn_slowly(known, width, rate):
    network = dataclasses.replace(NETWORK, hidden_size=width)
    assert choices.learning_rate(facts_of(known, network=network)).value == rate


def test_a_budget_for_few_updates_has_smaller_batches_and_a_higher_rate(known):
    short = facts_of(known, rows=1000, budget=60)
    assert choices.batch_size(short, 2.0).value == 8
    assert choices.learning_rate(short, 2.0).value == 2e-4
    deep = dataclasses.replace(NETWORK, layers=12)  # the run lowers it, if the linear start is good
    assert choices.learning_rate(facts_of(known, 1000, network=deep, budget=60), 2.0).value == 1e-4
    wide = dataclasses.replace(NETWORK, hidden_size=768)
    assert choices.learning_rate(facts_of(known, 1000, network=wide, budget=60), 2.0).value == 3e-5
    assert choices.batch_size(facts_of(known, 9000, budget=60), 0.2).value == 16
    for enough in (facts_of(known, 1000), facts_of(known, 1000, budget=60)):
        passes = 8.0 if enough.budget else 2.0
        assert choices.batch_size(enough, passes).value == 16
        assert choices.learning_rate(enough, passes).value == 1e-4


def test_imbalance_turns_to_macro_f1_and_balanced_weights(known):
    usual = ("accuracy", "macro_f1", "mcc")
    even = facts_of(known, labels={"a": 60, "b": 40}, shares={"a": 0.6, "b": 0.4}, imbalance=1.5)
    assert choices.metrics(even, usual) is None
    assert choices.class_weights(even).value == "none"
    torn = facts_of(known, labels={"a": 95, "b": 5}, shares={"a": 0.95, "b": 0.05}, imbalance=19)
    assert choices.metrics(torn, usual).value == ["macro_f1", "accuracy", "mcc"]
    assert choices.class_weights(torn).value == "balanced"
    several = facts_of(known, labels=torn.profile.labels, shares=torn.profile.shares,
                       imbalance=19, task="multilabel")  # fmt: skip
    assert choices.class_weights(several) is None
    assert choices.metrics(several, usual) is None
    assert choices.class_weights(facts_of(known, labels={}, task="regression")) is None


@pytest.mark.parametrize("language", ["en", "zh", "other"])
def test_the_language_is_told(language):
    reason = choices.checkpoint(language, {language: 1.0, "x": 0.0}, "name")
    assert reason.value == "name"
    assert f"{language} 100%" in reason.evidence


def test_word_vectors_that_an_update_does_not_need_cost_nothing(known):
    """The share of the word vectors is told, and the time of a step leaves them out."""
    facts = facts_of(known, network=WORDY)
    reason = choices.optimizer(facts)
    assert reason.value == {"adamw": {"lazy_embeddings": True}}
    assert "90% of the weights" in reason.evidence
    whole, touched = (cost.update_seconds(WORDY, SPEED, lazy_embeddings=t) for t in (False, True))
    assert whole == pytest.approx(10 * touched)


def test_the_arithmetic_that_was_measured_is_told(known):
    speed = dataclasses.replace(SPEED, precision="bf16", all={"fp32": 2e11, "bf16": 8e11})
    reason = choices.precision(dataclasses.replace(facts_of(known), speed=speed))
    assert reason.value == "auto"
    assert "bf16" in reason.reason
    assert "fp32 200, bf16 800" in reason.evidence


@pytest.mark.parametrize(("epochs", "times"), [(0.1, 3), (5, 5), (15, 10)])
def test_evaluations_are_about_one_an_epoch(epochs, times):
    assert choices.evaluations(epochs).value == times


# --- the whole plan


@pytest.mark.parametrize("budget", [None, 20.0])
@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "nli"])
def test_every_reason_stands_at_its_value(task, budget, tiny_bert):
    source = from_rows(toy_rows(task))
    wish = advise.Wish("memory:x", model=tiny_bert, budget=budget, seed=4,
                       roles={"target": "label"})  # fmt: skip
    advice = advise.advise(wish, source)
    plan = advice.plan
    assert plan.task_name == task
    assert {"task", "data.roles", "model.checkpoint", "train.epochs"} <= set(plan.why)
    for path, reason in plan.why.items():
        assert json.loads(json.dumps(plan.get(path))) == reason.value, path
        assert reason.reason, path
    assert plan.expect["train_seconds"] >= 0  # rounded; so small a network takes no time
    assert plan.expect["memory_mb"] > 100
    assert (plan.train.seed, plan.train.budget) == (4, budget)
    check(plan)


@pytest.mark.parametrize(
    ("rows", "labels", "sentences", "roles", "chosen"),
    [(180, 6, True, {}, True), (300, 6, True, {}, False), (300, 77, True, {}, False),
     (180, 6, False, {}, False), (180, 6, True, {"text_pair": "b"}, False), (180, 0, True, {}, False)],
)  # fmt: skip
def test_few_rows_a_label_are_contrasted(known, rows, labels, sentences, roles, chosen):
    rare = {"often": rows, "rare": 5}  # labels are weighted, which contrast does not know
    facts = facts_of(
        known,
        rows,
        labels={f"label {at}": rows // labels for at in range(labels)} if labels else rare,
        roles={**known.roles, **roles},
    )
    reason = choices.strategies(dataclasses.replace(facts, sentences=sentences))
    assert (reason is not None and "contrast" in reason.value) == chosen


def test_what_the_user_wants_stands(tiny_bert):
    changes = {"train.epochs": 2, "train.strategies.fgm.epsilon": 0.5}
    wish = advise.Wish("memory:x", model=tiny_bert, changes=changes)
    plan = advise.advise(wish, from_rows(toy_rows("classification"))).plan
    assert plan.train.epochs == 2
    assert plan.train.strategies == {"fgm": {"epsilon": 0.5}}
    assert plan.why["train.epochs"].value != 2  # what weitiao would take is still known


@pytest.mark.parametrize(("word", "model"), [("好 电影", "e5-small"), ("good film", "minilm-l6")])
def test_the_language_picks_the_model(word, model, tiny_bert, monkeypatch):
    small = (dataclasses.replace(NETWORK, max_length=64), advise.network_of(tiny_bert, None)[1])
    asked = []
    monkeypatch.setattr(advise, "network_of", lambda *given: asked.append(given) or small)
    rows = [{"text": f"{word} {i} {word}", "label": "ab"[i % 2]} for i in range(40)]
    plan = advise.advise(advise.Wish("memory:x"), from_rows(rows)).plan
    assert plan.model.checkpoint == model
    assert asked == [(model, None, None)]


def test_check_tells_everything_at_once():
    plan = toy_plan("classification", "c", **{
        "evaluate.metrics": ["pearson", "accuracy", "mae"], "train.loss": "mse",
        "data.roles": {"premise": "a", "txt": "b"}, "data.validation_size": 0.5,
        "data.test_size": 0.45})  # fmt: skip
    with pytest.raises(PlanError) as caught:
        check(plan)
    told = "\n".join(caught.value.problems)
    for what in ("pearson", "mae", "train.loss: mse does not fit", "no role 'premise'",
                 "no role 'txt'. Did you mean 'text'?", "needs the role 'text'",
                 "needs the role 'target'", "too few rows"):  # fmt: skip
        assert what in told, what
    assert "accuracy does not fit" not in told


def test_check_lets_a_good_plan_pass():
    for task in ("classification", "multilabel", "regression", "nli"):
        check(toy_plan(task, "c"))
