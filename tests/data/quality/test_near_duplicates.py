import itertools
import random
import time

import numpy as np
import pytest

from weitiao.data.quality.near_duplicates import ListedTexts, RowTexts, likeness, similarity_of
from weitiao.data.quality.shingles import text_similarity

WORDS = "the a good bad film room staff price food view very nice dull clean loud cheap".split()
CHARACTERS = "这家酒店房间服务早餐价格位置前台环境干净交通方便推荐下次不会入住卫生电影故事"


def varied(rng, text, share):
    characters = list(text)
    for at in rng.sample(range(len(text)), round(share * len(text))):
        characters[at] = rng.choice(text)
    return "".join(characters)


def some_texts(rng, count, chinese):
    for _ in range(count):
        if chinese:
            yield "".join(rng.choices(CHARACTERS, k=rng.randint(20, 60)))
        else:
            yield " ".join(rng.choices(WORDS, k=rng.randint(8, 30))) + f" {rng.random()}"


@pytest.mark.parametrize("chinese", [False, True])
def test_all_pairs_above_the_threshold_are_in_one_cluster(chinese):
    rng = random.Random(1)
    texts = list(some_texts(rng, 70, chinese))
    texts += [varied(rng, text, rng.choice([0.01, 0.02, 0.04, 0.1])) for text in texts[:60]]
    like = likeness(ListedTexts([(text,) for text in texts]))
    missed, true = 0, 0
    for a, b in itertools.combinations(range(len(texts)), 2):
        if text_similarity(texts[a], texts[b]) >= 0.8:
            true += 1
            missed += like.near[a] != like.near[b]
    assert true >= 15
    assert missed == 0
    for (a, b), value in zip(like.links, like.values, strict=True):
        assert text_similarity(texts[a], texts[b]) == pytest.approx(value)
        assert value >= 0.8


def test_equal_texts_are_groups_and_empty_ones_are_none():
    texts = ["Good film!", "good film", "Good film!", "", " ", "?!", "bad"]
    like = likeness(ListedTexts([(text,) for text in texts]))
    assert like.same[0] == like.same[2] != like.same[1]
    assert like.equal[0] == like.equal[1] == like.equal[2]
    assert like.empty.tolist() == [False] * 3 + [True] * 2 + [False] * 2
    assert like.near[3] == -1
    assert len(like.links) == 0


@pytest.mark.parametrize("texts", [[], [("",)], [("one",)], [("", "")] * 3])
def test_few_or_no_texts(texts):
    like = likeness(ListedTexts(texts))
    assert len(like.near) == len(texts)
    assert len(like.links) == 0


def test_pairs_must_be_alike_in_both_texts():
    passage = (
        "a long passage about the history of a town by the sea, its harbour and its ships. " * 5
    )
    rows = [("who built the harbour of the town by the sea", passage),
            ("who built the harbour of the town by the sea?", passage + "x"),
            ("when were the last ships seen in the old harbour", passage)]  # fmt: skip
    like = likeness(ListedTexts(rows))
    assert like.near[0] == like.near[1] != like.near[2]


def test_thousands_of_like_texts_take_linear_time():
    rows = [(f"your order number {at:06d} has left our house and will be with you soon, thank you "
             "for buying with us and have a very nice day",) for at in range(2000)]  # fmt: skip
    begin = time.process_time()
    like = likeness(ListedTexts(rows))
    assert len(np.unique(like.near)) == 1
    assert time.process_time() - begin < 8


def test_equal_texts_in_large_numbers_cost_no_comparisons():
    begin = time.process_time()
    like = likeness(ListedTexts([("the same text again and again",)] * 50_000))
    assert len(np.unique(like.near)) == 1
    assert len(like.links) == 0
    assert time.process_time() - begin < 8


def test_similarity_of_one_row_to_others():
    texts = ListedTexts([("a good film about ships",), ("a good film about ship",), ("bad",)])
    values = similarity_of(texts, 0, np.array([1, 2]))
    assert values[0] == pytest.approx(
        text_similarity("a good film about ships", "a good film about ship")
    )
    assert values[1] == 0


def test_progress_ends_at_its_total():
    seen = []
    likeness(ListedTexts([(f"text number {at}",) for at in range(10)]),
             advance=lambda done, total: seen.append((done, total)))  # fmt: skip
    assert seen[-1][0] == seen[-1][1]


def test_rows_of_several_views_are_read_in_their_order():
    from weitiao.data.files.table import from_rows
    from weitiao.data.rows import Rows, everything

    views = []
    for name in ("a", "b"):
        table = from_rows([{"text": f"{name}{at}", "label": "x"} for at in range(3)], name).table
        views.append(Rows(table, everything(table), {"text": "text"}, name, "classification"))
    texts = RowTexts(*views)
    assert len(texts) == 6
    assert texts.raw(np.array([1, 3, 5])) == [("a1",), ("b0",), ("b2",)]
