"""What every cleaner keeps to: alignments are exact, plain text stays, time is linear."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao import parts
from weitiao.core.alignment import Alignment
from weitiao.data.cleaners.base import Cleaner, clean_all, clean_text
from weitiao.data.cleaners.normalization import Unicode, Whitespace

NAMES = parts.names("cleaners")
# Letters that join with their neighbours stand closer together here than in any language.
TRICKY_PIECES = [
    *"ae\u0301\u0323 \u1100\u1161\u11a8ﬁ㍿ｶﾞ\u3099か①Å\u212b\u09c7\u09be\u200b\u200d\u200c\r\n\t\xad",
    "\r\n", "😂", "👨\u200d👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "🇨🇳", "👍🏽", "\U00020bb7", "𝒜", "שלום",
    "سلام", "\u202e", "<b>", "</p>", "<br/>", "&amp;", "&lt;", "&#x4f60;", "<", ">", "&", "@li", "@",
    "http://a.cn/x?y=1", "li@example.com", "13812345678", "哈哈哈哈哈", "sooooo", "!!!!!!", "haha",
    "頭髮", "裏面", "软件", "不", "没有", "的", "我们", "the", "not", "don't", "cafÃ©", "â€œ", "ä½\xa0å¥½",
    "ＡＢ１", "，", "。", "Ⅷ", "İ", "ß", "ǅ",
]  # fmt: skip
TRICKY = st.lists(
    st.one_of(st.sampled_from(TRICKY_PIECES), st.characters(exclude_categories=["Cs"])),
    max_size=14,
).map("".join)
SETTINGS = {
    "unicode": [{}, {"form": "NFKC"}],
    "whitespace": [{}, {"keep_lines": True}],
    "width": [{}, {"to": "full"}, {"punctuation": True}],
    "emoji": [{}, {"to": "nothing"}, {"language": "zh"}],
    "html": [{}, {"passes": 3}, {"lines": False}],
    "links": [{}, {"urls": "", "mentions": "", "emails": None}],
    "repeats": [{}, {"most": 1}, {"syllables": False}],
    "chinese_script": [{}, {"conversion": "s2twp"}, {"conversion": "s2t"}],
    "stop_words": [{}, {"words": "iso"}, {"own": ["good"]}],
    "segmentation": [{}, {"own": [["好我们", 0]]}],
}
CLEANERS = [
    parts.build("cleaners", name, one) for name in NAMES for one in SETTINGS.get(name, [{}])
]


def sound(alignment, cleaned, text):
    assert isinstance(alignment, Alignment)
    assert len(alignment) == len(cleaned)
    assert alignment.length == len(text)
    starts, ends = alignment.starts.tolist(), alignment.ends.tolist()
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= s <= e <= len(text) for s, e in zip(starts, ends, strict=True))


@pytest.mark.parametrize("cleaner", CLEANERS, ids=repr)
@settings(max_examples=25, deadline=None)
@given(text=TRICKY)
def test_each_cleaner_is_aligned_exactly(cleaner, text):
    cleaned, alignment = cleaner.clean(text)
    sound(alignment, cleaned, text)
    if cleaner.idempotent:
        assert cleaner.clean(cleaned)[0] == cleaned


@settings(max_examples=70, deadline=None)
@given(TRICKY, st.lists(st.sampled_from(CLEANERS), max_size=5))
def test_chains_of_cleaners_are_aligned_with_the_first_text(text, cleaners):
    cleaned, alignment = clean_all(cleaners, text)
    sound(alignment, cleaned, text)
    assert clean_text(cleaners, text) == cleaned


@settings(max_examples=70, deadline=None)
@given(TRICKY, TRICKY, st.lists(st.sampled_from(CLEANERS), max_size=5))
def test_a_word_that_no_cleaner_touches_is_given_back_exactly(before, after, cleaners):
    word = "Kxqjvz7"
    if any("to='full'" in repr(cleaner) for cleaner in cleaners):
        return
    text = f"{before} {word} {after}"
    cleaned, alignment = clean_all(cleaners, text)
    wanted = word if word in cleaned else word.lower()
    assert cleaned.count(wanted) == 1
    at = cleaned.index(wanted)
    start, end = alignment.to_source(at, at + len(word))
    assert text[start:end] == word
    place = text.index(word)
    back = alignment.from_source([[place, place + len(word)]]).tolist()
    assert back == [[at, at + len(word)]]


@settings(max_examples=150)
@given(TRICKY, st.sampled_from(["NFC", "NFKC"]))
def test_unicode_gives_the_whole_texts_normal_form(text, form):
    assert Unicode(form=form).clean(text)[0] == unicodedata.normalize(form, text)


def places(cleaned):
    text, alignment = cleaned
    return text, list(zip(alignment.starts.tolist(), alignment.ends.tolist(), strict=True))


def test_unicode_says_where_joined_and_parted_characters_came_from():
    text, ranges = places(Unicode().clean("cafe\u0301 x"))
    assert (text, ranges[3:]) == ("café x", [(3, 5), (5, 6), (6, 7)])
    assert places(Unicode(form="NFKC").clean("ﬁt１")) == (
        "fit1",
        [(0, 1), (0, 1), (1, 2), (2, 3)],
    )


def test_whitespace_collapses_and_strips():
    assert places(Whitespace().clean("  a\u3000\n b ")) == ("a b", [(2, 3), (3, 6), (6, 7)])
    assert Whitespace(keep_lines=True).clean("a \n b")[0] == "a\nb"
    assert Whitespace(keep_lines=True).clean("a\r\nb")[0] == "a\nb"
    assert places(Whitespace().clean(" \t ")) == ("", [])


def test_cleaners_that_give_origins_still_work():
    class Old(Cleaner):
        def clean(self, text):
            return text[1:], list(range(1, len(text)))

    cleaned, alignment = clean_all([Old(), Whitespace()], "xa  b")
    assert (cleaned, alignment.to_source(1, 2)) == ("a b", (2, 4))


@pytest.mark.parametrize("name", NAMES)
def test_every_cleaner_is_a_part_and_leaves_plain_text_alone(name):
    cleaner = parts.build("cleaners", name)
    assert cleaner.learn(["a"]) == cleaner
    assert cleaner.clean("plain text") == ("plain text", Alignment.identity(10))
    assert cleaner.clean("") == ("", Alignment.identity(0))
    assert isinstance(cleaner.warning("classification"), str)
    assert cleaner.missing() == ""


HOSTILE = [
    "<", "<a ", "<a \"", "<a '", "<a \"'", "<!--", "<script>", "<![CDATA[", "&", "&amp;", "&amp;lt;",
    "&#", "</p", "<p><p>", "a@", "@", "@a", "http://", "http://a.b)", "www.", "a.", "www.a.b/",
    "a", "ab", "aab", "哈", "!", "😂", "👨\u200d", "\u0301", "e\u0301", "\u1100\u1161", "\u200b",
    "\u200d", " ", "\t\n", " \n", "１", "ｶﾞ", "髮", "的", "not ", "Ã©", "â€œ", "Ã", "ä½ ", "1-", "13812345678",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_time_is_linear_for_hostile_texts(name):
    cleaner = parts.build("cleaners", name)
    cleaner.clean("的a😂Ã©")  # loads what it needs

    def seconds(piece, length):
        text = (piece * length)[:length]
        begun = time.process_time()
        cleaner.clean(text)
        return time.process_time() - begun

    slow = {piece: took for piece in HOSTILE if (took := seconds(piece, 6_000)) > 0.25}
    assert not slow
