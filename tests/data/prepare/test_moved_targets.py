"""Spans, tags and answers stay with their words when the text is cleaned."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao import parts
from weitiao.data.cleaners.base import clean_all
from weitiao.data.prepare.moved_targets import moved_answers, moved_spans


def cleaning(*names, **settings):
    cleaners = [parts.build("cleaners", name, settings.get(name, {})) for name in names]
    return lambda text: clean_all(cleaners, text)


CLEAN = cleaning("html", "whitespace", "emoji", "links", emoji={"to": "nothing"})


def spans(text, *words):
    return json.dumps([[text.index(w), text.index(w) + len(w), "X"] for w in words])


def test_spans_move_with_their_words():
    text = "<p>Li  Lei</p> lives in  <b>Paris</b>."
    moved = moved_spans(text, spans(text, "Li  Lei", "Paris"), CLEAN)
    assert moved.text == "Li Lei lives in Paris."
    found = json.loads(moved.target)
    assert [moved.text[s["start"] : s["end"]] for s in found] == ["Li Lei", "Paris"]
    assert [s["text"] for s in found] == ["Li Lei", "Paris"]


def test_a_span_of_which_nothing_is_left_is_taken_out_and_counted():
    text = "see 😂 in Rome"
    moved = moved_spans(text, spans(text, "😂", "Rome"), CLEAN)
    assert moved.lost == 1
    assert [s["text"] for s in json.loads(moved.target)] == ["Rome"]


def test_a_span_that_is_replaced_becomes_what_stands_there():
    text = "mail li@example.com now"
    moved = moved_spans(text, spans(text, "li@example.com"), CLEAN)
    assert json.loads(moved.target)[0]["text"] == "[email]"


def test_rows_without_spans_are_cleaned():
    assert moved_spans("a  b", "[]", CLEAN) == ("a b", "[]", 0, None)
    assert moved_spans("a  b", "", CLEAN).text == "a b"


def test_tags_stay_with_the_words_that_are_left():
    words = json.dumps(["😂", "New", "York", "&amp;", "😂"])
    tags = json.dumps(["O", "B-LOC", "I-LOC", "O", "O"])
    moved = moved_spans(words, tags, CLEAN)
    assert json.loads(moved.text) == ["New", "York", "&"]
    assert json.loads(moved.target) == ["B-LOC", "I-LOC", "O"]
    assert moved.lost == 0


def test_where_the_first_word_of_a_span_is_lost_the_next_begins_it():
    words = json.dumps(["a", "😂", "Rome", "😂"])
    moved = moved_spans(words, json.dumps(["B-LOC", "B-LOC", "I-LOC", "B-X"]), CLEAN)
    assert json.loads(moved.text) == ["a", "Rome"]
    assert json.loads(moved.target) == ["B-LOC", "B-LOC"]
    assert moved.lost == 1
    ended = moved_spans(json.dumps(["😂", "b"]), json.dumps(["B-X", "E-X"]), CLEAN)
    assert json.loads(ended.target) == ["S-X"]


def test_tags_of_a_plain_text_keep_their_form():
    moved = moved_spans("good 😂 film", "O B-x O", CLEAN)
    assert (json.loads(moved.text), moved.target) == (["good", "film"], "O O")
    assert moved.lost == 1


def test_tags_that_do_not_fit_their_words_are_refused():
    with pytest.raises(ValueError, match="number"):
        moved_spans('["a", "b"]', '["O"]', CLEAN)


def test_answers_move_with_their_passage():
    text = "<p>The  river is the  Thames.</p>"
    for target, start in (
        ("the  Thames", ""),
        ("the  Thames", str(text.index("the  Thames"))),
        (json.dumps({"text": ["the  Thames"], "answer_start": [text.index("the  Th")]}), ""),
        (json.dumps(["the  Thames"]), ""),
    ):
        moved = moved_answers(text, target, start, CLEAN)
        assert moved.text == "The river is the Thames."
        again = parts_of(moved.target)
        assert again == ["the Thames"]
        assert moved.start == ("" if not start else str(moved.text.index("the Thames")))


def parts_of(cell):
    value = json.loads(cell) if cell[:1] in "[{" else [cell]
    return value["text"] if isinstance(value, dict) else value


def test_an_answer_that_is_lost_is_counted():
    moved = moved_answers("a 😂 b", "😂", "2", CLEAN)
    assert (moved.text, moved.target, moved.start, moved.lost) == ("a  b", "", "", 1)
    assert moved_answers("a  b", "[]", "", CLEAN) == ("a b", "[]", 0, "")


WORDS = st.lists(
    st.sampled_from(["film", "好", "<b>", "&amp;", "😂", "哈哈哈哈哈", "Ａ", "a@b.cn"]),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.data())
def test_untouched_words_keep_their_spans_and_tags(words, data):
    clean = cleaning("html", "repeats", "width", "emoji", "links", "whitespace")
    text = "  ".join(words)
    at = data.draw(st.integers(0, len(words) - 1))
    start = len("  ".join(words[:at])) + 2 * bool(at)
    moved = moved_spans(text, json.dumps([[start, start + len(words[at]), "X"]]), clean)
    if words[at] in ("film", "好"):
        (span,) = json.loads(moved.target)
        assert span["text"] == words[at] == moved.text[span["start"] : span["end"]]
    tags = ["B-X" if i == at else "O" for i in range(len(words))]
    listed = moved_spans(json.dumps(words), json.dumps(tags), clean)
    left, new = json.loads(listed.text), json.loads(listed.target)
    assert len(left) == len(new)
    assert new.count("B-X") == 1 - listed.lost
    # Chinese words stand side by side: of four 好 in a row, `repeats` takes one out, and counts it.
    if words[at] == "film" or (words[at] == "好" and not listed.lost):
        assert left[new.index("B-X")] == words[at]
