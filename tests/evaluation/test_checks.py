"""What each check changes, and that flips are counted as they are."""

import random

import numpy as np
import pytest

from conftest import toy_data, toy_plan
from weitiao import parts
from weitiao.evaluation.behaviour import rewritten, try_checks
from weitiao.evaluation.checks.base import Check
from weitiao.evaluation.evaluate import evaluate
from weitiao.model.model import Model

TEXTS = ["The film is good, James saw it in Paris in 1999.", "酒店很好，我在北京住了12天。", "a",
         "", "！", "NOT GOOD AT ALL", "これは良い"]  # fmt: skip


def changed(name, text, seed=0):
    return parts.build("checks", name).changed(text, random.Random(seed))


@pytest.mark.parametrize("name", parts.names("checks"))
def test_a_check_changes_a_text_or_says_that_it_cannot(name):
    check = parts.build("checks", name)
    assert isinstance(check, Check)
    if check.missing():
        pytest.skip(check.missing())
    for seed in range(20):
        for text in TEXTS:
            other = check.changed(text, random.Random(seed))
            assert other is None or (other != text and isinstance(other, str))
            assert other == check.changed(text, random.Random(seed)), "the same seed, the same text"


def test_typos_stay_small():
    other = changed("typos", "wonderful acting throughout the whole picture")
    assert other.split()[0][0] == "w"
    assert abs(len(other) - len("wonderful acting throughout the whole picture")) <= 2
    zh = changed("typos", "酒店的房间很好")
    assert len(zh) == 7
    assert sum(a != b for a, b in zip(zh, "酒店的房间很好", strict=True)) == 1


def test_case_and_width_go_both_ways():
    assert changed("case", "good film") == "GOOD FILM"
    assert changed("case", "GOOD FILM") == "good film"
    assert changed("case", "好电影") is None
    assert changed("width", "好 No 1!") == "好　Ｎｏ　１！"
    assert changed("width", "No 1!") is None, "Latin script has one width"
    assert changed("width", "Ｎｏ　１！") == "No 1!"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("the film is good", "the film is not good"),
        ("the film is not good", "the film is good"),
        ("it isn't good", "it is good"),
        ("房间很干净", None),
        ("房间不干净", "房间干净"),
        ("还不错", None),
        ("好", None),
    ],
)
def test_a_negation_goes_in_or_out(text, other):
    found = changed("negation", text)
    if other is None and text == "房间很干净":
        assert found in ("房间不很干净", "房间很不干净")
    else:
        assert found == other


def test_names_are_swapped_for_their_kind_and_numbers_for_others_as_long():
    for seed in range(10):
        other = changed("entities", "James went to Paris on Monday with 250 euros", seed)
        words = other.split()
        assert words[0] != "James"
        assert words[3] != "Paris"
        assert words[-2] != "250"
        assert len(words[-2]) == 3
    assert changed("entities", "我在北京") != "我在北京"
    assert changed("entities", "nothing of the kind") is None


def test_the_script_is_turned_if_opencc_is_there():
    pytest.importorskip("opencc")
    assert changed("script", "发现头发") == "發現頭髮"
    assert changed("script", "發現頭髮") == "发现头发"
    assert changed("script", "no Chinese") is None


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "nli"])
def test_flips_are_what_the_model_says_to_the_changed_texts(task, tiny_bert):
    plan = toy_plan(task, tiny_bert, **{"evaluate.checks": ["case", "negation", "typos"]})
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    _, answers = evaluate(model, data.validation)
    found = {one.name: one for one in try_checks(model, answers)}
    assert set(found) <= {"case", "negation", "typos"}
    assert found["case"].flipped == 0, "the tokenizer knows no case"
    for one in found.values():
        assert 0 <= one.worse <= one.flipped <= one.rows
        assert one.low - 1e-9 <= one.flipped / one.rows <= one.high
        for example in one.examples:
            (row,) = data.validation.examples([example["row"]])
            role, check = example["role"], parts.build("checks", one.name)
            text = rewritten(check, one.name, row.inputs[role], example["row"])
            (now,) = model.task.decide(model.scores([
                type(row)({**row.inputs, role: text})]))  # fmt: skip
            assert now.value == (
                pytest.approx(example["after"], rel=1e-4)
                if task == "regression"
                else example["after"]
            )
            assert now.value != example["before"]


def test_little_time_means_fewer_rows(tiny_bert):
    plan = toy_plan("classification", tiny_bert)
    data = toy_data(plan, 400)
    model = Model.start(plan, data.train)
    _, answers = evaluate(model, data.validation)
    few = try_checks(model, answers, seconds=1e-4)
    assert max(one.rows for one in few) == 20
    assert max(one.rows for one in try_checks(model, answers)) > 20
    assert np.isfinite([one.high for one in few]).all()
