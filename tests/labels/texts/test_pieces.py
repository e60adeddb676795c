"""Long texts are cut where sentences end, and nothing of them is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.labels.texts.pieces import joined, pieces

TEXT = st.text("ab 。，.!?；”\n\t你😀", max_size=120)


@given(TEXT, st.integers(1, 40))
def test_pieces_are_the_text_and_fit(text, longest):
    found = pieces(text, lambda one: len(one) <= longest)
    assert "".join(found) == text
    assert all(len(one) <= longest for one in found)
    assert all(found) or text == ""


@given(TEXT)
def test_a_text_that_fits_is_one_piece_and_what_never_fits_ends(text):
    assert pieces(text, lambda one: True) == [text]
    assert "".join(pieces(text, lambda one: False)) == text


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("One. Two two. Three.", 10, ["One. ", "Two two. ", "Three."]),
        ("他说：“好。”我走了。天黑了。", 8, ["他说：“好。”", "我走了。天黑了。"]),
        ('He said "yes." I left at once.', 20, ['He said "yes." ', "I left at once."]),
        ("no sentence ends in here", 13, ["no sentence ", "ends in here"]),
        ("没有句号，只有逗号", 5, ["没有句号，", "只有逗号"]),
        ("aaaabbbb", 4, ["aaaa", "bbbb"]),
        ("3.14 is a number", 12, ["3.14 is ", "a number"]),
        ("line\nline two", 9, ["line\n", "line two"]),
    ],
)
def test_where_texts_are_cut(text, longest, expected):
    assert pieces(text, lambda one: len(one) <= longest) == expected


def test_long_texts_are_cut_without_deep_recursion():
    text = "A sentence. " * 20_000
    assert "".join(pieces(text, lambda one: len(one) < 200)) == text
    assert "".join(pieces("x" * 50_000, lambda one: len(one) < 2)) == "x" * 50_000


@given(st.lists(st.sampled_from(["Guten Tag.", " Hallo ", "你好。", "再见", "", "ok"]), max_size=6))
def test_joined_keeps_every_text_in_order(texts):
    whole = joined(texts)
    assert whole == whole.strip()
    assert whole.replace(" ", "") == "".join(texts).replace(" ", "")
    assert "  " not in whole
    assert joined([whole]) == whole
