"""Passages end where words do, in scripts that part them by blanks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.labels.passages.best_span import _FREE, whole_words

TEXTS = st.text(st.sampled_from("abcÉß15½.,-'\"$€ «»_\n北京가ไทยनम्\u0301\u200dα"), max_size=16)


@pytest.mark.parametrize(
    ("text", "piece", "whole"),
    [
        ("he enjoyed playing the match", "ing the ma", "playing the match"),
        ("It cost $1.5 million.", "1.5", "1.5"),
        ("a 10-year plan", "10", "10"),
        ("in the 1990s", "1990", "1990s"),
        ("a “quoted” word", "uoted", "quoted"),
        ("it doesn't", "doesn", "doesn"),
        ("le cafe\u0301s", "caf", "cafe\u0301s"),
        ("नमस्ते दुनिया", "नमस", "नमस्ते"),
        ("中国的首都是北京。", "首都是", "首都是"),
        ("สวัสดีครับ", "สวัส", "สวัส"),
        ("서울에서", "서울", "서울"),
        ("北京2008年", "20", "2008"),
        ("Windows系统", "indows", "Windows"),
    ],
)
def test_letters_and_digits_that_stand_together_are_not_cut(text, piece, whole):
    start = text.index(piece)
    start, end = whole_words(text, start, start + len(piece))
    assert text[start:end] == whole


@given(TEXTS, st.integers(0, 16), st.integers(0, 16))
def test_only_what_is_missing_of_a_word_is_added(text, one, other):
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    first, last = whole_words(text, start, end)
    assert 0 <= first <= start <= end <= last <= len(text)
    assert whole_words(text, first, last) == (first, last)
    added = text[first:start] + text[end:last]
    assert all(not c.isspace() and c not in ".,-'\"$€«»_\u200d" for c in added)
    assert not _FREE.search(added)
