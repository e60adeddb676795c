import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.steps.repeated import Deduplicate, DropConflicts
from weitiao.example import Example

TEXTS = ["A good film.", "a GOOD film", "A good film.", "bad", "a good film about ships and harbours",
         "a good film about ships and harbour"]  # fmt: skip


def examples(texts, targets):
    return [
        Example({"text": text}, target, f"f:{at}")
        for at, (text, target) in enumerate(zip(texts, targets, strict=True))
    ]


def ids(step, rows):
    return [int(one.id[2:]) for one in step(rows, random.Random(1))]


def test_the_first_of_equal_texts_stays():
    step = Deduplicate()
    assert ids(step, examples(TEXTS, "xxxxxx")) == [0, 3, 4, 5]
    assert "2 rows" in step.notes()[0]


def test_near_duplicates_go_where_a_similarity_is_set():
    assert ids(Deduplicate(similarity=0.8), examples(TEXTS, "xxxxxx")) == [0, 3, 4]


def test_rows_of_another_target_are_no_repetition():
    assert ids(Deduplicate(), examples(TEXTS, "xyxxxx")) == [0, 1, 3, 4, 5]
    assert ids(Deduplicate(similarity=0.8), examples(TEXTS, "xxxxxy")) == [0, 3, 4, 5]


def test_conflicts_are_left_out_whole():
    step = DropConflicts()
    assert ids(step, examples(TEXTS, "xyxxxx")) == [3, 4, 5]
    assert "3 rows" in step.notes()[0]


@pytest.mark.parametrize("similarity", [1.0, 0.9])
def test_sets_of_labels_are_compared_in_any_order(similarity):
    rows = examples(["A good film.", "a GOOD film"] * 2, [["a", "b"], ["b", "a"]] * 2)
    kept, repeated = DropConflicts(), Deduplicate(similarity=similarity)
    assert ids(kept.for_task("multilabel"), rows) == [0, 1, 2, 3]
    assert ids(repeated.for_task("multilabel"), rows) == [0]
    assert ids(kept.for_task("token_classification"), rows) == []  # tags stand for words
    other = examples(TEXTS[:2], [["a", "b"], ["a"]])
    assert ids(kept.for_task("multilabel"), other) == []


@given(
    st.lists(
        st.tuples(st.sampled_from(["a b", "A b!", "c", ""]), st.sampled_from("xy")), max_size=6
    )
)
@pytest.mark.parametrize("step", [Deduplicate(), Deduplicate(similarity=0.9), DropConflicts()])
def test_steps_keep_order_and_invent_nothing(step, rows):
    listed = examples([text for text, _ in rows], [target for _, target in rows])
    kept = ids(step, listed)
    assert kept == sorted(kept)
    assert ids(step, [listed[at] for at in kept]) == list(range(len(kept))) or [
        listed[at].id for at in kept
    ]


def test_other_languages_are_left_out_and_short_texts_stay():
    from weitiao.data.steps.languages import LanguageFilter

    texts = ["This is a plain English sentence about the weather of today", "ok",
             "这家酒店的服务非常好，房间也很干净", "Das ist ein sehr schönes Hotel mit einem freundlichen Personal"]  # fmt: skip
    step = LanguageFilter(languages=["en"])
    assert ids(step, examples(texts, "xxxx")) == [0, 1]
    assert "2 rows" in step.notes()[0]
    assert ids(LanguageFilter(languages=["en", "zh", "de"]), examples(texts, "xxxx")) == [
        0,
        1,
        2,
        3,
    ]
