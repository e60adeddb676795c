import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao import parts
from weitiao.data.cleaners.base import clean_all
from weitiao.data.cleaners.normalization import Unicode, Whitespace

# Letters that join with their neighbours stand closer together here than in any language.
TRICKY = st.text(
    st.one_of(
        st.sampled_from(
            "ae\u0301\u0323\u0301 \u1100\u1161\u11a8ﬁ㍿ｶﾞ\u3099か①Å\u212b\u09c7\u09be\u200b"
        ),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=30,
)
CLEANERS = [Unicode(), Unicode(form="NFKC"), Whitespace(), Whitespace(keep_lines=True)]


@pytest.mark.parametrize("cleaner", CLEANERS, ids=repr)
@given(text=TRICKY)
def test_alignment_is_exact(cleaner, text):
    cleaned, origins = cleaner.clean(text)
    assert len(origins) == len(cleaned)
    assert origins == sorted(origins)
    assert all(0 <= origin < len(text) for origin in origins)
    for character, origin in zip(cleaned, origins, strict=True):
        if not character.isspace() and isinstance(cleaner, Whitespace):
            assert text[origin] == character


@settings(max_examples=300)
@given(TRICKY, st.sampled_from(["NFC", "NFKC"]))
def test_unicode_gives_the_whole_texts_normal_form(text, form):
    assert Unicode(form=form).clean(text)[0] == unicodedata.normalize(form, text)


def test_unicode_says_where_joined_and_parted_characters_came_from():
    assert Unicode().clean("cafe\u0301 x") == ("café x", [0, 1, 2, 3, 5, 6])
    assert Unicode(form="NFKC").clean("ﬁt１") == ("fit1", [0, 0, 1, 2])


def test_whitespace_collapses_and_strips():
    assert Whitespace().clean("  a\u3000\n b ") == ("a b", [2, 3, 6])
    assert Whitespace(keep_lines=True).clean("a \n b")[0] == "a\nb"
    assert Whitespace().clean(" \t ") == ("", [])


@given(TRICKY)
def test_cleaners_in_a_row_speak_of_the_first_text(text):
    cleaned, origins = clean_all([Whitespace(), Unicode(form="NFKC")], text)
    assert len(cleaned) == len(origins)
    assert all(0 <= origin < len(text) for origin in origins)


@pytest.mark.parametrize("name", parts.names("cleaners"))
def test_every_cleaner_is_a_part_and_leaves_plain_text_alone(name):
    cleaner = parts.build("cleaners", name)
    assert cleaner.learn(["a"]) == cleaner
    assert cleaner.clean("plain text") == ("plain text", list(range(10)))
