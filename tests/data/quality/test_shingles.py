import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.quality.shingles import (
    SIZE,
    SIZE_UNSEPARATED,
    normal_form,
    shingle_hashes,
    size_of,
    text_similarity,
)

TEXTS = st.text(st.sampled_from("abcdefg 好电影酒店。!,ＡｂＣ\u3000"), max_size=40)


def pieces(form):
    size = size_of(form)
    return {form[at : at + size] for at in range(max(1, len(form) - size + 1))} if form else set()


@given(TEXTS)
def test_case_width_blanks_and_punctuation_do_not_count(text):
    form = normal_form(text)
    assert normal_form(f"  {text.upper()}!! ") == form or not form or not form.isalnum()
    assert normal_form(form) == form


def test_texts_without_letters_keep_their_characters():
    assert normal_form("? !") == "?!"
    assert normal_form(" \t\n") == ""


@given(st.lists(TEXTS.map(normal_form), max_size=6))
def test_hashes_are_those_of_the_pieces_of_each_text(forms):
    hashes, offsets = shingle_hashes(forms)
    assert len(offsets) == len(forms) + 1
    known = {}
    for at, form in enumerate(forms):
        own = hashes[offsets[at] : offsets[at + 1]]
        assert len(set(own.tolist())) == len(pieces(form))
        for place, value in enumerate(own.tolist()):
            piece = form[place : place + size_of(form)]
            assert known.setdefault(piece, value) == value
    assert len(set(known.values())) == len(known)


@given(TEXTS, TEXTS)
def test_similarity_is_that_of_sets(first, second):
    one, other = pieces(normal_form(first)), pieces(normal_form(second))
    expected = len(one & other) / len(one | other) if one and other else float(not (one or other))
    assert text_similarity(first, second) == pytest.approx(expected)


def test_shingles_of_chinese_are_shorter():
    assert size_of(normal_form("这家酒店的 WiFi 很好用")) == SIZE_UNSEPARATED
    assert size_of(normal_form("a hotel in 上海")) == SIZE


def test_a_salt_tells_the_texts_of_a_row_apart():
    first, second = shingle_hashes(["same text"], 0)[0], shingle_hashes(["same text"], 1)[0]
    assert not np.isin(first, second).any()
